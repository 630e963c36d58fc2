using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>Whom a cut can hit.</summary>
internal enum Victim
{
    Safed,
    Guardian,
    Gateway,
    Host,
    Virtiofsd,
    Session,
    WholeServer,
}

/// <summary>Finds the story's processes in /proc, by what their command lines name, without asking any of them.</summary>
internal static class Victims
{
    private static readonly Victim[] OfTheServer = [Victim.Safed, Victim.Guardian, Victim.Gateway, Victim.Host, Victim.Virtiofsd];

    /// <summary>Kills as the kernel does when memory runs out, or as a server does whose plug is pulled: all at once.</summary>
    /// <returns>How many there were.</returns>
    public static int Kill(Victim victim, string home)
    {
        var all = Processes(home).ToList();
        var hit = all.Where(p => p.What == victim || (victim == Victim.WholeServer && OfTheServer.Contains(p.What))).ToList();
        all.Except(hit).ToList().ForEach(p => p.Process.Dispose());
        foreach (var (_, process) in hit)
        {
            process.Kill();
        }

        int count = 0;
        foreach (var (_, process) in hit)
        {
            count += process.WaitForEnd(TimeSpan.FromSeconds(10)) ? 1 : 0;
            process.Dispose();
        }

        return count;
    }

    /// <summary>Stops them where they are, as a debugger does or a device that never answers; they stay until they are killed.</summary>
    /// <returns>How many there were.</returns>
    public static int Freeze(Victim victim, string home)
    {
        var all = Processes(home).ToList();
        var hit = all.Where(p => p.What == victim).ToList();
        all.Except(hit).ToList().ForEach(p => p.Process.Dispose());
        hit.ForEach(p =>
        {
            p.Process.Signal(SignalNumbers.Stop);
            p.Process.Dispose();
        });
        return hit.Count;
    }

    /// <summary>How many of a kind live.</summary>
    public static int Count(Victim what, string home)
    {
        var all = Processes(home).ToList();
        all.ForEach(p => p.Process.Dispose());
        return all.Count(p => p.What == what);
    }

    private static IEnumerable<(Victim What, PidFd Process)> Processes(string home)
    {
        var inside = Traces.Namespaces(home);
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out int pid) && Kind(directory, home, inside) is { } what && PidFd.Open(pid) is { } process)
            {
                yield return (what, process);
            }
        }
    }

    private static Victim? Kind(string directory, string home, HashSet<string> inside)
    {
        string line = string.Join(' ', Read(directory));
        // What the server runs lives in the mount namespace that its safe has pinned; what a device runs has its home in the environment.
        if (inside.Contains(new FileInfo(Path.Combine(directory, "ns/mnt")).LinkTarget ?? "") || line.Contains(home + "/", StringComparison.Ordinal))
        {
            return line.Contains("qemu-system", StringComparison.Ordinal) ? (line.Contains("-name gateway ", StringComparison.Ordinal) ? Victim.Gateway : Victim.Host)
                : line.Contains("virtiofsd", StringComparison.Ordinal) ? Victim.Virtiofsd
                : line.Contains("safed run ", StringComparison.Ordinal) ? Victim.Safed
                : line.EndsWith("safed guard", StringComparison.Ordinal) ? Victim.Guardian
                : null;
        }

        return line.Contains("/safe session --safe ", StringComparison.Ordinal) && Text(directory, "environ").Contains($"={home}/", StringComparison.Ordinal)
            ? Victim.Session
            : null;
    }

    private static string[] Read(string directory) => Text(directory, "cmdline").TrimEnd('\0').Split('\0');

    private static string Text(string directory, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(directory, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";      // it ended while we looked
        }
    }
}
