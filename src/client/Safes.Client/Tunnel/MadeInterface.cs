using System.Globalization;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Tunnel;

/// <summary>
/// An interface that this device's `safe` made, by its number in its network and boot: another of the same name is somebody else's. It is
/// noted on disk, too, so that what a killed process left is known for what it is.
/// </summary>
internal sealed record MadeInterface(string Name, uint Index, string Note)
{
    private static string Surroundings => $"{Machine.BootId} {new FileInfo("/proc/self/ns/net").LinkTarget}";

    public bool IsThere => NetIf.Find(Name) == Index;

    /// <summary>Notes the one that was just made.</summary>
    /// <param name="notes">The directory of notes, <see cref="Places.Tunnels"/>.</param>
    public static MadeInterface Of(string name, string notes)
    {
        var made = new MadeInterface(name, NetIf.Find(name) ?? throw new IOException($"the interface {name} has gone"), PathOf(name, notes));
        PrivateFile.Write(made.Note, $"{made.Index.ToString(CultureInfo.InvariantCulture)} {Surroundings}\n");
        return made;
    }

    /// <summary>Whether the interface of that name is one that a process of before has made here.</summary>
    public static bool IsLeftBehind(string name, string notes)
    {
        try
        {
            return NetIf.Find(name) is { } index && PrivateFile.ReadText(PathOf(name, notes)) == $"{index.ToString(CultureInfo.InvariantCulture)} {Surroundings}\n";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FaultException)
        {
            return false;
        }
    }

    public void Forget() => File.Delete(Note);

    private static string PathOf(string name, string notes) => Path.Combine(notes, $"{name}.made");
}
