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
        var hit = Processes(home).Where(p => p.What == victim || (victim == Victim.WholeServer && OfTheServer.Contains(p.What))).ToList();
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

    /// <summary>How many of a kind live.</summary>
    public static int Count(Victim what, string home)
    {
        var all = Processes(home).ToList();
        all.ForEach(p => p.Process.Dispose());
        return all.Count(p => p.What == what);
    }

    private static IEnumerable<(Victim What, PidFd Process)> Processes(string home)
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out int pid) && Kind(Read(directory), home, directory) is { } what && PidFd.Open(pid) is { } process)
            {
                yield return (what, process);
            }
        }
    }

    private static Victim? Kind(string[] command, string home, string directory)
    {
        if (command.Length < 2)
        {
            return null;
        }

        bool ours = command.Any(a => a.Contains(home + "/", StringComparison.Ordinal));
        string line = string.Join(' ', command);
        return line switch
        {
            _ when ours && line.Contains("qemu-system", StringComparison.Ordinal) => line.Contains("-name gateway ", StringComparison.Ordinal) ? Victim.Gateway : Victim.Host,
            _ when ours && line.Contains("virtiofsd", StringComparison.Ordinal) => Victim.Virtiofsd,
            _ when ours && line.Contains("safed run", StringComparison.Ordinal) => Victim.Safed,
            _ when line.EndsWith("safed guard", StringComparison.Ordinal) && IsGuardianOf(home, directory) => Victim.Guardian,
            _ when line.Contains("/safe session --safe ", StringComparison.Ordinal) && Text(directory, "environ").Contains($"={home}/", StringComparison.Ordinal) => Victim.Session,
            _ => null,
        };
    }

    // The guardian's command line names no safe; its mount namespace is the one where the safe's run directory lies.
    private static bool IsGuardianOf(string home, string directory) => Text(directory, "mountinfo").Contains(home + "/", StringComparison.Ordinal);

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
