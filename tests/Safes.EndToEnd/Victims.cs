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
        var hit = Find(victim, home);
        hit.ForEach(p => p.Kill());
        int count = hit.Count(p => p.WaitForEnd(TimeSpan.FromSeconds(10)));
        hit.ForEach(p => p.Dispose());
        return count;
    }

    /// <summary>Stops them where they are, as a debugger does or a device that never answers; they stay until they are killed.</summary>
    /// <returns>How many there were.</returns>
    public static int Freeze(Victim victim, string home)
    {
        var hit = Find(victim, home);
        hit.ForEach(p => p.Signal(SignalNumbers.Stop));
        hit.ForEach(p => p.Dispose());
        return hit.Count;
    }

    /// <summary>How many of a kind live.</summary>
    public static int Count(Victim what, string home)
    {
        var pinned = Proc.PinnedBelow(home);
        return Proc.All().Count(pid => Kind(pid, home, pinned) == what);
    }

    private static List<PidFd> Find(Victim victim, string home)
    {
        var pinned = Proc.PinnedBelow(home);
        return [.. Proc.All()
            .Where(pid => Kind(pid, home, pinned) is { } what && (what == victim || (victim == Victim.WholeServer && OfTheServer.Contains(what))))
            .Select(PidFd.Open).OfType<PidFd>()];
    }

    private static Victim? Kind(int pid, string home, HashSet<string> pinned)
    {
        string line = Proc.CommandLine(pid);
        // What a device runs has its home in the environment; what the server runs has none.
        if (line.Contains("/safe session --safe ", StringComparison.Ordinal))
        {
            return Proc.HasHome(pid, home) ? Victim.Session : null;
        }

        return !Proc.BelongsTo(pid, home, pinned) ? null
            : line.Contains("qemu-system", StringComparison.Ordinal) ? (line.Contains("-name gateway ", StringComparison.Ordinal) ? Victim.Gateway : Victim.Host)
            : line.Contains("virtiofsd", StringComparison.Ordinal) ? Victim.Virtiofsd
            : line.Contains("safed run ", StringComparison.Ordinal) ? Victim.Safed
            : line.EndsWith("safed guard", StringComparison.Ordinal) ? Victim.Guardian
            : null;
    }
}
