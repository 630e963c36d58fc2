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
        int guardian = Proc.Naming("guard").Single(p => Proc.CommandLine(p).StartsWith(safe.Program, StringComparison.Ordinal) && IsFor(p, safe));
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
