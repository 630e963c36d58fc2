using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>The processes that hold keys, as they run: started where somebody asked for dumps.</summary>
[Trait("needs", "root")]
public sealed class HardenedProcesses
{
    [Fact(Timeout = 120_000)]
    public async Task Neither_safed_nor_its_guardian_has_a_dump_s_limit_or_variable_or_a_debugger_s_door()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long, before: s =>
        {
            s.AlsoSet["DOTNET_DbgEnableMiniDump"] = "1";
            s.AlsoSet["DOTNET_DbgMiniDumpType"] = "4";
            s.AlsoSet["DOTNET_DbgMiniDumpName"] = Path.Combine(s.Home, "core.%p");
            s.AlsoSet["DOTNET_EnableDiagnostics"] = "1";
        });
        await safe.Owner.OpenAsync();
        int guardian = GuardianOf(safe);
        // The control: this process has such a socket.
        Assert.Contains($"dotnet-diagnostic-{Environment.ProcessId}-", await File.ReadAllTextAsync("/proc/self/net/unix"), StringComparison.Ordinal);
        foreach (int pid in (int[])[safe.Pid, guardian])
        {
            Assert.Matches(@"Max core file size +(1 +1|0 +0) ", await File.ReadAllTextAsync($"/proc/{pid}/limits"));
            Assert.DoesNotContain("DOTNET_Dbg", await File.ReadAllTextAsync($"/proc/{pid}/environ"), StringComparison.Ordinal);
            Assert.Contains("DOTNET_EnableDiagnostics=0", await File.ReadAllTextAsync($"/proc/{pid}/environ"), StringComparison.Ordinal);
            Assert.DoesNotContain($"dotnet-diagnostic-{pid}-", await File.ReadAllTextAsync($"/proc/{pid}/net/unix"), StringComparison.Ordinal);
        }

        // The gateway's key is in safed for as long as it runs.
        string[] secret = Areas(safe.Pid, a => Mman.HasSecretMemory ? a.Contains("/secretmem", StringComparison.Ordinal) : Flags(a).Contains("dd"));
        Assert.NotEmpty(secret);
        Assert.All(secret, a => Assert.Contains("lo", Flags(a)));
    }

    [Fact(Timeout = 120_000)]
    public async Task One_that_crashes_while_the_safe_is_open_leaves_no_core_where_another_program_leaves_one()
    {
        string pattern = (await File.ReadAllTextAsync("/proc/sys/kernel/core_pattern")).Trim();
        Assert.SkipWhen(pattern is ['|' or '/', ..], $"cores go elsewhere here: {pattern}");
        await using var safe = await AllowedCoresAsync(() => RealSafe.StartAsync(RealSafe.Long));
        await safe.Owner.OpenAsync();
        string control = Directory.CreateDirectory(Path.Combine(safe.Home, "control")).FullName;
        await AllowedCoresAsync(() => Tool.TryAsync("sh", ["-c", $"cd {control} && exec sh -c 'kill -ABRT $$'"]));
        Assert.NotEmpty(Directory.GetFiles(control));
        Directory.Delete(control, recursive: true);

        int guardian = GuardianOf(safe);
        string[] places = [safe.Home, new FileInfo($"/proc/{guardian}/cwd").LinkTarget!];
        foreach (int pid in (int[])[guardian, safe.Pid])
        {
            using var process = PidFd.Open(pid)!;
            process.Signal(SignalNumbers.BadSystemCall);     // of those that leave a core the one that .NET lets alone
            Assert.True(process.WaitForEnd(TimeSpan.FromSeconds(20)), $"{pid} lives on");
        }

        string[] cores = [.. places.SelectMany(Directory.GetFiles).Where(f => Path.GetFileName(f).StartsWith("core", StringComparison.Ordinal))];
        safe.Owner.Drop();
        await safe.RunAsync();
        Assert.Empty(cores);
    }

    /// <summary>What this process may leave, those may that it starts meanwhile.</summary>
    private static async Task<T> AllowedCoresAsync<T>(Func<Task<T>> start)
    {
        string pid = $"{Environment.ProcessId}";
        await Tool.RunAsync("prlimit", ["--pid", pid, "--core=unlimited"]);
        try
        {
            return await start();
        }
        finally
        {
            await Tool.RunAsync("prlimit", ["--pid", pid, "--core=0:"]);
        }
    }

    private static int GuardianOf(RealSafe safe) => Proc.Naming("guard").Single(p => Proc.CommandLine(p).StartsWith(safe.Program, StringComparison.Ordinal) && IsFor(p, safe));

    private static bool IsFor(int pid, RealSafe safe) =>
        Directory.GetFiles($"/proc/{pid}/fd").Any(f => new FileInfo(f).LinkTarget?.StartsWith(safe.Home, StringComparison.Ordinal) == true);

    private static string[] Areas(int pid, Func<string, bool> wanted)
    {
        string all = File.ReadAllText($"/proc/{pid}/smaps");
        var areas = new List<string>();
        for (int at = 0, end; (end = all.IndexOf("VmFlags:", at, StringComparison.Ordinal)) >= 0; at = end)
        {
            end = all.IndexOf('\n', end) + 1;
            areas.Add(all[at..end]);
        }

        return [.. areas.Where(wanted)];
    }

    private static string[] Flags(string area) => area[(area.IndexOf("VmFlags:", StringComparison.Ordinal) + 8)..].Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
}
