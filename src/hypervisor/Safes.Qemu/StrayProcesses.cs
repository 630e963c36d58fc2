using System.Text;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// Processes of a machine that nobody recorded: whoever started them ended before he could. QEMU is told by working in the machine's
/// directory, virtiofsd by working in its run directory, each by an argument that both their launchers and they themselves have.
/// </summary>
public static class StrayProcesses
{
    /// <summary>Ends them and waits.</summary>
    /// <exception cref="HungException">One cannot be ended.</exception>
    internal static void End(HostPlaces places, TimeSpan limit)
    {
        var real = Resolve(places);
        End(Find(real), pid => IsOurs(pid, real), limit);
    }

    /// <summary>
    /// The same for who knows neither name nor directory of the machine: what its user runs in the safe's own network, and what serves its
    /// share. The user alone is not enough: another safe under another state root, or a supplier's program, may have the same number.
    /// </summary>
    /// <param name="user">The machine's; null: nobody's.</param>
    /// <param name="network">The pin of the network namespace into which the safe's machines are born, and which they cannot leave.</param>
    /// <param name="run">Its run directory.</param>
    /// <exception cref="HungException">One cannot be ended.</exception>
    public static void End(uint? user, string network, string run, TimeSpan limit)
    {
        var place = PlaceOf(run);
        bool Is(int pid) => (user is { } its && ProcessTable.UserOf(pid) == its && ProcessTable.IsInNetwork(pid, network))
            || (place is not null && PlaceOf($"/proc/{pid}/cwd") == place && Has(pid, "--shared-dir"));
        End([.. ProcessTable.All().Where(Is)], Is, limit);
    }

    /// <summary>Whether it works in a directory that lies in another one.</summary>
    public static bool WorksIn(int pid, string directory) =>
        PlaceOf($"/proc/{pid}/cwd") is { } place && Directory.Exists(directory) && Directory.EnumerateDirectories(directory).Any(d => PlaceOf(d) == place);

    /// <summary>The processes that serve machines' shares, by their run directories: each launcher, and the daemon that it has put into a sandbox.</summary>
    public static ILookup<string, int> ServersOf(IReadOnlyCollection<string> runs)
    {
        var places = runs.Select(r => (Run: r, Place: PlaceOf(r))).Where(r => r.Place is not null).ToArray();
        var all = ProcessTable.All().ToArray();
        (string Run, int Pid)[] launchers = [.. all
            .Select(pid => (Pid: pid, At: PlaceOf($"/proc/{pid}/cwd")))
            .SelectMany(p => places.Where(r => r.Place == p.At && Has(p.Pid, "--shared-dir")).Select(r => (r.Run, p.Pid)))];
        var children = all.ToLookup(pid => ProcessTable.ParentOf(pid) ?? 0);
        return launchers.SelectMany(l => children[l.Pid].Append(l.Pid).Select(pid => (l.Run, pid))).ToLookup(s => s.Run, s => s.pid);
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
        [.. ProcessTable.All().Where(pid => IsOurs(pid, real))];

    /// <summary>What a path leads to, by numbers: whoever looks reads no name. Null: nowhere, or it has ended.</summary>
    private static (DeviceNumber Device, ulong Inode)? PlaceOf(string path)
    {
        try
        {
            return Stat.Find(path, follow: true)?.Identity;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? WorkingDirectory(int pid)
    {
        try
        {
            return File.ResolveLinkTarget($"/proc/{pid}/cwd", returnFinalTarget: false)?.FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;    // it has ended
        }
    }

    /// <summary>As the kernel names them for processes that work there, whatever links lead to them for us.</summary>
    private static HostPlaces Resolve(HostPlaces places) => places with { Home = Fcntl.Resolve(places.Home), Run = Fcntl.Resolve(places.Run) };

    private static bool IsOurs(int pid, HostPlaces places)
    {
        return WorkingDirectory(pid) switch
        {
            { } at when at == places.Home => Has(pid, "-uuid"),
            { } at when at == places.Run => Has(pid, "--shared-dir"),
            _ => false,
        };
    }

    private static bool Has(int pid, string argument)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/cmdline")).Split('\0').Contains(argument, StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;    // it has ended
        }
    }
}
