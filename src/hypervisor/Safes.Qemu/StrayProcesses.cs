using System.Text;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// Processes of a machine that nobody recorded: whoever started them ended before he could. QEMU is told by working in the machine's
/// directory, virtiofsd by working in its run directory, each by an argument that both their launchers and they themselves have.
/// </summary>
internal static class StrayProcesses
{
    /// <summary>Ends them and waits.</summary>
    /// <exception cref="HungException">One cannot be ended.</exception>
    public static void End(HostPlaces places, TimeSpan limit)
    {
        var end = BootClock.Now + limit;
        var ended = new List<PidFd>();
        try
        {
            foreach (int pid in Find(places))
            {
                if (PidFd.Open(pid) is { } process)
                {
                    ended.Add(process);
                    // Looked at again once the number cannot come to mean another process.
                    if (IsOurs(pid, places))
                    {
                        process.Kill();
                    }
                }
            }

            foreach (var process in ended)
            {
                if (!process.WaitForEnd(end - BootClock.Now is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero) && IsOurs(process.Pid, places))
                {
                    throw new HungException("QEMU", process.Pid, "kill", limit);
                }
            }
        }
        finally
        {
            ended.ForEach(p => p.Dispose());
        }
    }

    public static IReadOnlyList<int> Find(HostPlaces places) =>
        [.. Directory.EnumerateDirectories("/proc").Select(d => int.TryParse(Path.GetFileName(d), out int pid) ? pid : 0).Where(pid => pid > 0 && IsOurs(pid, places))];

    private static bool IsOurs(int pid, HostPlaces places)
    {
        try
        {
            return File.ResolveLinkTarget($"/proc/{pid}/cwd", returnFinalTarget: false)?.FullName switch
            {
                { } at when at == places.Home => Has(pid, "-uuid"),
                { } at when at == places.Run => Has(pid, "--shared-dir"),
                _ => false,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;    // it has ended
        }
    }

    private static bool Has(int pid, string argument) =>
        Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/cmdline")).Split('\0').Contains(argument, StringComparer.Ordinal);
}
