using Grpc.Core;
using Safes.Contracts;
using Safes.Linux;
using Safes.Tests;

namespace Safes.Safed.Tests;

/// <summary>What the server still has of the inside of a safe once it is closed: nothing, wherever root looks. While it is open the same search finds it.</summary>
[Trait("needs", "root")]
public sealed class WhatIsForgotten
{
    [Theory(Timeout = 300_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_closing_nothing_of_what_was_inside_is_in_any_process_or_file_of_the_server(bool crash)
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long with { VolumeBytes = 192 << 20 });
        await safe.Owner.OpenAsync();
        var holding = safe.Owner.Hold();
        await holding.Begun;
        var canaries = new Canaries();
        string share = $"/proc/{safe.Pid}/root{safe.Paths.MountPoint}/safe/share";
        Directory.CreateDirectory($"{share}/in");
        Directory.CreateDirectory($"{share}/outbox");
        File.WriteAllBytes($"{share}/{canaries.Path("get").ToStringUtf8()}", canaries.Content("get"));
        File.WriteAllBytes($"{share}/outbox/{canaries.Name("file in the outbox")}", canaries.Content("out"));
        foreach (var (name, call) in InsideCalls.All)
        {
            await MadeAsync(safe, name, call, canaries);
        }

        // The control: what was said to the inside is there, in it and in nothing else of the safe.
        var patterns = canaries.Patterns;
        int inside = InsideOf(safe);
        string[] there = MemoryScan.Find(inside, patterns);
        Assert.Contains("content of put", there);
        Assert.Contains("content of get", there);
        Assert.Contains("path of put, UTF-16", there.Append(there.Contains("path of put") ? "path of put, UTF-16" : ""));
        Assert.Contains(there, t => t.StartsWith("reason", StringComparison.Ordinal));
        Assert.Contains(there, t => t.StartsWith("added", StringComparison.Ordinal));
        Assert.All(ProcessesOf(safe).Where(p => p != inside), p => Assert.Equal([], MemoryScan.Find(p, patterns)));

        if (crash)
        {
            using var process = PidFd.Open(inside);
            process!.Kill();
            await UntilAsync(() => InsideOf(safe) is > 0 and var now && now != inside, "another inside");
        }

        await safe.Owner.LeaveAsync();
        await safe.UntilAsync("closed");
        Assert.False(safe.IsAttached);
        Assert.False(File.Exists($"/proc/{inside}/mem"), "the inside lives on");
        Assert.All(ProcessesOf(safe), p => Assert.Equal([], MemoryScan.Find(p, patterns)));
        Assert.Equal([], FilesWith(safe, patterns));
    }

    [Fact(Timeout = 180_000)]
    public async Task The_inside_sees_no_state_of_the_safe_and_has_no_rights_over_the_server()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        int inside = InsideOf(safe);
        string root = $"/proc/{inside}/root";
        Assert.NotEmpty(Directory.GetFiles(safe.Paths.State));    // the control: there is something to be seen
        Assert.Empty(Directory.GetFileSystemEntries(root + safe.Paths.State));
        Assert.Equal(["hosts", "tmp", "volume"], Directory.GetFileSystemEntries(root + safe.Paths.Run).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.True(Directory.Exists($"{root}{safe.Paths.MountPoint}/safe/share"));
        Assert.Empty(Directory.GetFileSystemEntries($"{root}/dev").Select(Path.GetFileName)
            .Except(["null", "zero", "full", "random", "urandom", "kvm"], StringComparer.Ordinal));
        Assert.Throws<IOException>(() => File.WriteAllText($"{root}/etc/safes-was-here", ""));
        // chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap: neither sys_admin, sys_ptrace, mknod, dac_read_search nor net_admin.
        Assert.Equal("00000000000001fb", Status(inside, "CapEff"));
        Assert.Equal("00000000000001fb", Status(inside, "CapBnd"));
        Assert.Equal("1", Status(inside, "NoNewPrivs"));
        Assert.NotEqual(new FileInfo($"/proc/{safe.Pid}/ns/net").LinkTarget, new FileInfo($"/proc/{inside}/ns/net").LinkTarget);
        Assert.DoesNotContain("wlan", File.ReadAllText($"/proc/{inside}/net/dev"), StringComparison.Ordinal);
        Assert.Single(File.ReadLines($"/proc/{inside}/net/dev"), l => l.Contains(':', StringComparison.Ordinal));
        await safe.Owner.LeaveAsync();
    }

    [Fact(Timeout = 180_000)]
    public async Task A_disk_that_is_none_of_its_own_the_inside_does_not_keep_in_use()
    {
        string disk = Directory.CreateTempSubdirectory("safes-disk-").FullName;
        await Tool.RunAsync("mount", ["-t", "tmpfs", "safes-disk", disk]);
        try
        {
            await using var safe = await RealSafe.StartAsync(RealSafe.Long);
            await safe.Owner.OpenAsync();
            int inside = InsideOf(safe);
            Assert.Contains(disk, Mounts(safe.Pid));    // where it goes with everybody else's if mounts are shared, as under systemd
            Assert.DoesNotContain(disk, Mounts(inside));
            Assert.Contains(safe.Paths.MountPoint, Mounts(inside));
            await safe.Owner.LeaveAsync();
        }
        finally
        {
            await Tool.TryAsync("umount", [disk]);
            Directory.Delete(disk);
        }
    }

    [Fact(Timeout = 240_000)]
    public async Task An_inside_that_dies_is_followed_by_another_and_the_third_time_in_a_minute_the_safe_closes()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        var holding = safe.Owner.Hold();
        await holding.Begun;
        for (int death = 1; death <= 3; death++)
        {
            int inside = InsideOf(safe);
            byte[] pin = safe.Owner.Server.InsidePin.ToByteArray();
            using (var process = PidFd.Open(inside))
            {
                process!.Kill();
            }

            if (death < 3)
            {
                await UntilAsync(() => InsideOf(safe) is > 0 and var now && now != inside, "another inside");
                await EventuallyAsync(safe.Owner.StatusAsync);
                Assert.NotEqual(pin, safe.Owner.Server.InsidePin.ToByteArray());    // it has a key of its own
                Assert.False(holding.Ended.IsCompleted);
            }
        }

        Assert.Equal((EndReasons.Closed, "inside-failed"), (await holding.Ended) is { } end ? (end.Reason, end.Detail) : default);
        await safe.UntilAsync("closed");
        Assert.False(safe.IsAttached);
        safe.Owner.Drop();
        await safe.Owner.OpenAsync();    // and it opens again
        await safe.Owner.LeaveAsync();
    }

    private static async Task MadeAsync(RealSafe safe, string name, InsideCalls.Call call, Canaries canaries)
    {
        var channel = new RawInside(safe.Owner.Server);
        try
        {
            await channel.MakeAsync((c, o) => call(c, o, canaries, safe.Owner));
        }
        catch (Exception e) when (e is RpcException or Xunit.Sdk.XunitException)
        {
            Assert.Fail($"{name}: {e.Message}\n{safe.Log}");
        }
    }

    private static int InsideOf(RealSafe safe) =>
        Proc.All().FirstOrDefault(p => Proc.CommandLine(p).EndsWith("safed inside", StringComparison.Ordinal)
            && Directory.Exists($"/proc/{p}/root{safe.Paths.MountPoint}/safe/share"));

    /// <summary>Every process of the safe: by its place in the command line, by its mount namespace, or by its parent.</summary>
    private static int[] ProcessesOf(RealSafe safe)
    {
        var pinned = Proc.PinnedBelow(safe.Home);
        return
        [
            .. Proc.All().Where(p => p != Environment.ProcessId
                && (Proc.BelongsTo(p, safe.Home, pinned) || Status(p, "PPid") == $"{safe.Pid}" || p == safe.Pid)),
        ];
    }

    /// <summary>Files of the server in which one of the patterns stands, or whose name has it: the safe's state, run directories and logs, shared memory,
    /// and what processes have open that has no name any more. The volume's ciphertext is one of them.</summary>
    private static IEnumerable<string> FilesWith(RealSafe safe, Dictionary<string, byte[]> patterns)
    {
        var nameless = ProcessesOf(safe).SelectMany(p => Directory.Exists($"/proc/{p}/fd") ? Directory.GetFileSystemEntries($"/proc/{p}/fd") : [])
            .Where(f => new FileInfo(f).LinkTarget is { } to && (to.Contains("memfd:", StringComparison.Ordinal) || to.EndsWith(" (deleted)", StringComparison.Ordinal))
                && !to.Contains("doublemapper", StringComparison.Ordinal) && !to.Contains("secretmem", StringComparison.Ordinal));
        foreach (string file in Below(safe.Home).Concat(Below("/dev/shm")).Concat(nameless))
        {
            byte[] name = System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(file));
            byte[] content = [];
            try
            {
                content = File.ReadAllBytes(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Gone meanwhile, or a socket.
            }

            foreach (string found in MemoryScan.Find([.. name, 0, .. content], patterns))
            {
                yield return $"{file}: {found}";
            }
        }
    }

    private static IEnumerable<string> Below(string directory) =>
        Directory.Exists(directory)
            ? Directory.EnumerateFiles(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint })
            : [];

    private static string Status(int pid, string field) =>
        Proc.Text(pid, "status").Split('\n').FirstOrDefault(l => l.StartsWith(field + ":", StringComparison.Ordinal))?.Split('\t', StringSplitOptions.TrimEntries)[^1] ?? "";

    private static string[] Mounts(int pid) => [.. Proc.Text(pid, "mountinfo").Split('\n').Select(l => l.Split(' ')).Where(p => p.Length > 4).Select(p => p[4])];

    private static async Task UntilAsync(Func<bool> holds, string what)
    {
        for (var end = BootClock.Now + RealSafe.Patience; !holds(); await Task.Delay(20))
        {
            Assert.True(BootClock.Now < end, $"it never came to {what}");
        }
    }

    private static async Task EventuallyAsync<T>(Func<Task<T>> act)
    {
        for (var end = BootClock.Now + RealSafe.Patience; ; await Task.Delay(100))
        {
            try
            {
                await act();
                return;
            }
            catch (FaultException) when (BootClock.Now < end)
            {
                // Its connection is made anew.
            }
        }
    }
}
