using System.Text;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Hypervisor.Vaults;

/// <summary>
/// Says of a safe's directory that its `safed init` has not come to its end: written before anything else, taken away after everything. What
/// is there so far is nobody's safe; the next init takes it away and begins anew. A header, which no init makes, says otherwise: that was put
/// there since, from a copy perhaps, and is nobody's to take away.
/// </summary>
/// <param name="Volume">The volume's file that is to be made.</param>
/// <param name="Made">The mark of the file that was made; without it, whatever has that name is not of this init.</param>
internal sealed record Unfinished(string Volume, string? Made)
{
    private const string Name = "unfinished", NameWhileWritten = Name + ".new";
    private const int MostBytes = 4096;

    private static readonly FileOperations Files = new();

    /// <summary>The volume's file while it is made: with this init's own name, so that it can be taken away without asking whose it is.</summary>
    public static string Partial(SafePaths paths, string volume) => $"{volume}.{paths.Name}.unfinished";

    /// <summary>Null: nothing is unfinished here.</summary>
    public static Unfinished? Find(string state) =>
        Files.Read(Path.Combine(state, Name), MostBytes) is { } text && !HasHeader(state) && Encoding.UTF8.GetString(text).Split('\n') is [var volume, .. var made]
            ? new Unfinished(volume, made.FirstOrDefault())
            : null;

    /// <exception cref="FaultException"><see cref="FaultCodes.SafeExists"/>: something is there already, and not of an init.</exception>
    public static void Begin(SafePaths paths, string volume)
    {
        if (Directory.Exists(paths.State) && Directory.EnumerateFileSystemEntries(paths.State).Any(e => Path.GetFileName(e) is not (Name or NameWhileWritten)))
        {
            throw new FaultException(FaultCodes.SafeExists, ("name", paths.Name), ("path", paths.State));
        }

        Files.MakeDirectory(paths.State);
        Failpoint.Reach("init: directory made");
        Write(paths.State, volume);
    }

    /// <summary>The volume was made under its partial name; it gets its own.</summary>
    /// <exception cref="IOException">There is something of that name by now.</exception>
    public static void Finish(SafePaths paths, string volume)
    {
        string partial = Partial(paths, volume);
        Write(paths.State, $"{volume}\n{MarkOf(partial)}");
        Failpoint.Reach("init: volume marked");
        File.Move(partial, volume, overwrite: false);
        Files.SyncDirectory(Path.GetDirectoryName(volume)!);
    }

    public static void End(string state) => Files.Remove(Path.Combine(state, Name));

    /// <summary>Takes away what is there so far, the word that it is unfinished last.</summary>
    public void Undo(SafePaths paths)
    {
        File.Delete(Partial(paths, Volume));
        if (Made is not null && MarkOf(Volume) == Made)
        {
            File.Delete(Volume);
        }

        foreach (string left in Directory.EnumerateFileSystemEntries(paths.State).Where(e => Path.GetFileName(e) != Name && e != Volume).ToList())
        {
            if (Directory.Exists(left))
            {
                Directory.Delete(left, recursive: true);
            }
            else
            {
                File.Delete(left);
            }
        }

        File.Delete(Path.Combine(paths.State, Name));
        if (!Directory.EnumerateFileSystemEntries(paths.State).Any())
        {
            Directory.Delete(paths.State);
        }
    }

    private static bool HasHeader(string state) => File.Exists(Path.Combine(state, "header.a")) || File.Exists(Path.Combine(state, "header.b"));

    private static string? MarkOf(string file) => Stat.Find(file) is { IsRegular: true } s ? $"{s.Device.Major}:{s.Device.Minor}:{s.Inode}" : null;

    private static void Write(string state, string text) => Files.Replace(Path.Combine(state, Name), Encoding.UTF8.GetBytes(text));
}
