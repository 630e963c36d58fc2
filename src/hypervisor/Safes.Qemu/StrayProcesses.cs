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
        var real = Resolve(places);
        End(Find(real), pid => IsOurs(pid, real), limit);
    }

    /// <summary>Ends those of <paramref name="found"/> that are ours still, and waits for those.</summary>
    internal static void End(IReadOnlyList<int> found, Predicate<int> isOurs, TimeSpan limit)
    {
        var end = BootClock.Now + limit;
        var ended = new List<PidFd>();
        try
        {
            foreach (int pid in found)
            {
                if (PidFd.Open(pid) is { } process)
                {
                    // Looked at again once the number cannot come to mean another process. One that is another by now is nothing to wait for.
                    if (isOurs(pid))
                    {
                        process.Kill();
                        ended.Add(process);
                    }
                    else
                    {
                        process.Dispose();
                    }
                }
            }

            foreach (var process in ended)
            {
                if (!process.WaitForEnd(BootClock.LeftUntil(end)))
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

    private static IReadOnlyList<int> Find(HostPlaces real) =>
        [.. Directory.EnumerateDirectories("/proc").Select(d => int.TryParse(Path.GetFileName(d), out int pid) ? pid : 0).Where(pid => pid > 0 && IsOurs(pid, real))];

    /// <summary>As the kernel names them for processes that work there, whatever links lead to them for us.</summary>
    private static HostPlaces Resolve(HostPlaces places) => places with { Home = Fcntl.Resolve(places.Home), Run = Fcntl.Resolve(places.Run) };

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
