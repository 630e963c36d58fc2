using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>A mount namespace that lives by a file on which it is bound, and may have no process.</summary>
/// <param name="Pin">The file, as this process reaches it; one in another pinned namespace by its path there.</param>
/// <param name="Namespace">The inode of its nsfs file.</param>
internal sealed record PinnedNamespace(string Pin, ulong Namespace, SafeFileHandle Handle, IReadOnlyList<MountLine> Mounts) : IDisposable
{
    public void Dispose() => Handle.Dispose();

    /// <summary>Runs <paramref name="work"/> in a thread that is in it.</summary>
    public T Run<T>(Func<T> work) => PinnedNamespaces.In(Handle, work);
}

/// <summary>
/// Finds mount namespaces by their pins, which /proc shows by no process: whatever is mounted in one stays mounted. Pins lie in the tables of
/// mounts of namespaces that are known; those found are entered and searched for further ones.
/// </summary>
internal static class PinnedNamespaces
{
    private const int Most = 1000;

    /// <param name="known">Inodes of the namespaces whose mounts are known already.</param>
    /// <param name="tables">Those mounts, each with a way to that namespace's files: "/proc/7/root".</param>
    internal static IReadOnlyList<PinnedNamespace> Find(IReadOnlySet<ulong> known, IEnumerable<(string Root, IReadOnlyList<MountLine> Mounts)> tables)
    {
        var seen = known.ToHashSet();
        var found = new List<PinnedNamespace>();
        foreach (var (root, mounts) in tables)
        {
            foreach (var (pin, number) in PinsOf(mounts))
            {
                Enter(pin, number, () => Open(root + pin) ?? Open(pin), seen, found);
            }
        }

        for (int i = 0; i < found.Count && found.Count < Most; i++)
        {
            var outer = found[i];
            foreach (var (pin, number) in PinsOf(outer.Mounts))
            {
                Enter($"{pin} in {outer.Pin}", number, () => outer.Run(() => Open(pin)), seen, found);
            }
        }

        return found;
    }

    /// <summary>What a link or a pin names: mnt:[4026531841]. Null when it is no mount namespace.</summary>
    internal static ulong? NumberOf(string name) =>
        name.StartsWith("mnt:[", StringComparison.Ordinal) && name.EndsWith(']') && ulong.TryParse(name.AsSpan(5, name.Length - 6), NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode)
            ? inode : null;

    /// <summary>The mounts of a namespace that somebody has a descriptor of; null when it cannot be entered.</summary>
    internal static IReadOnlyList<MountLine>? MountsOf(SafeFileHandle mountNamespace)
    {
        try
        {
            return Sched.StartInMounts(mountNamespace, MountTable.Of).GetAwaiter().GetResult();
        }
        catch (LinuxException)
        {
            return null;    // gone, or not ours to enter: a loop device in use is still seen as such
        }
    }

    internal static T In<T>(SafeFileHandle mountNamespace, Func<T> work) => Sched.StartInMounts(mountNamespace, work).GetAwaiter().GetResult();

    private static void Enter(string pin, ulong number, Func<SafeFileHandle?> open, HashSet<ulong> seen, List<PinnedNamespace> found)
    {
        if (seen.Contains(number) || found.Count >= Most || open() is not { } handle)
        {
            return;
        }

        // Another file may lie over the pin by now.
        if (Stat.Of(handle).Inode == number && MountsOf(handle) is { } mounts)
        {
            seen.Add(number);
            found.Add(new PinnedNamespace(pin, number, handle, mounts));
            return;
        }

        handle.Dispose();
    }

    private static IEnumerable<(string Pin, ulong Number)> PinsOf(IReadOnlyList<MountLine> mounts) =>
        mounts.Where(m => m.Type == "nsfs").Select(m => (m.Path, Number: NumberOf(m.Root))).Where(p => p.Number is not null).Select(p => (p.Path, p.Number!.Value));

    private static SafeFileHandle? Open(string pin)
    {
        try
        {
            return Fcntl.Open(pin, Fcntl.ReadOnly | Fcntl.NonBlock | Fcntl.NoControllingTerminal);
        }
        catch (LinuxException)
        {
            return null;    // covered, or gone
        }
    }
}
