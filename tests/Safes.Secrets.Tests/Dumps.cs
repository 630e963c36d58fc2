using Safes.Linux;

namespace Safes.Secrets.Tests;

/// <summary>What a dump of this process holds. Each absence stands beside a control: the same search finds an ordinary buffer.</summary>
public sealed class Dumps
{
    private const byte Key = 0x5a;

    // Never whole in memory by itself: "canary-" and the rest are put together inside the buffer that is searched for.
    private static readonly byte[] Masked = Memory.Mask("canary-of-the-secret-buffer-7f3a", Key);

    private static void Unmask(Span<byte> to)
    {
        for (int i = 0; i < Masked.Length; i++)
        {
            to[i] = (byte)(Masked[i] ^ Key);
        }
    }

    [Fact]
    public void Memory_read_as_root_does_not_show_what_lies_in_secret_memory()
    {
        Assert.SkipUnless(Mman.HasSecretMemory, "this kernel has no memfd_secret (Debian 12: boot with secretmem.enable=1)");
        byte[] open = GC.AllocateArray<byte>(Masked.Length, pinned: true);
        Unmask(open);
        Assert.True(Memory.Count(Masked, Key) >= 1, "the control was not found");
        Array.Clear(open);
        int before = Memory.Count(Masked, Key);
        using var buffer = SecretBuffer.Allocate(Masked.Length);
        using (var lease = buffer.Borrow())
        {
            Unmask(lease.Span);
        }

        Assert.Equal(before, Memory.Count(Masked, Key));
        GC.KeepAlive(open);
    }

    [Fact]
    [Trait("needs", "root")]
    public async Task A_core_dump_made_by_root_does_not_hold_it()
    {
        Assert.SkipUnless(Mman.HasSecretMemory, "this kernel has no memfd_secret (Debian 12: boot with secretmem.enable=1)");
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(Unistd.EffectiveUser == 0 && File.Exists("/usr/bin/gcore"), "needs root and gcore (package gdb)");
        }

        byte[] open = GC.AllocateArray<byte>(Masked.Length, pinned: true);
        Unmask(open);
        // The control's twin differs in its last letter, so that both are sought in one dump.
        open[^1] ^= 1;
        byte[] twin = [.. Masked];
        twin[^1] ^= 1;
        using var buffer = SecretBuffer.Allocate(Masked.Length);
        using (var lease = buffer.Borrow())
        {
            Unmask(lease.Span);
        }

        string folder = Directory.CreateTempSubdirectory("safes-core-").FullName;
        try
        {
            await Tool.TryAsync("gcore", ["-o", Path.Combine(folder, "core"), Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture)], limit: TimeSpan.FromSeconds(120));
            string core = Assert.Single(Directory.GetFiles(folder));
            Assert.True(Memory.CountInFile(core, twin, Key) >= 1, "the control was not found in the dump");
            Assert.Equal(0, Memory.CountInFile(core, Masked, Key));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        GC.KeepAlive(open);
    }

    [Fact]
    public void Without_secret_memory_the_pages_are_locked_and_kept_out_of_dumps()
    {
        using var buffer = SecretBuffer.Random(32);
        string smaps = File.ReadAllText("/proc/self/smaps");
        string at = buffer.DangerousGetHandle().ToString("x", null) + "-";
        int start = smaps.IndexOf(at, StringComparison.Ordinal);
        string entry = smaps[start..smaps.IndexOf("VmFlags:", start, StringComparison.Ordinal)];
        string flags = smaps[(start + entry.Length)..smaps.IndexOf('\n', start + entry.Length)];
        Assert.Contains(" lo", flags, StringComparison.Ordinal);        // locked: never in swap
        Assert.True(Mman.HasSecretMemory ? entry.Contains("secretmem", StringComparison.Ordinal) : flags.Contains(" dd", StringComparison.Ordinal), entry + flags);
    }

    [Fact]
    public void More_than_may_be_locked_is_refused_not_left_unlocked()
    {
        // A petabyte: no address space for that, with any kernel and any limit.
        Assert.ThrowsAny<Exception>(() => Mman.MapSecret((nuint)1 << 50));
    }
}
