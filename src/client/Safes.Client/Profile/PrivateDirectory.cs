using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Client.Profile;

/// <summary>
/// A directory that is this user's own and that nobody else may enter, held open: what was looked at (owner, mode, that it is no link) is what
/// is used from then on, whatever takes its name meanwhile.
/// </summary>
public sealed class PrivateDirectory : IDisposable
{
    private PrivateDirectory(string path, SafeFileHandle handle) => (Path, Handle) = (path, handle);

    public string Path { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Whether the directory of that name is still this one.</summary>
    public bool IsInPlace => Stat.Find(Path)?.Identity == Stat.Of(Handle).Identity;

    /// <exception cref="Contracts.FaultException">unsafe-permissions: it is a link, another user's, or others may enter it.</exception>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public static PrivateDirectory Open(string path) => new(path, PrivateFile.Open(path, Fcntl.ReadOnly | Fcntl.Directory));

    /// <summary>Makes it, and all above it that are missing, with mode 0700; then as <see cref="Open"/>.</summary>
    public static PrivateDirectory Make(string path)
    {
        PrivateFile.MakeDirectory(path);
        return Open(path);
    }

    /// <summary>
    /// A path to an entry of this very directory, for calls that take no descriptor. It is also short: a Unix socket's address has 108 bytes, and
    /// a home may be deeper.
    /// </summary>
    public string At(string name) => $"/proc/self/fd/{Handle.DangerousGetHandle()}/{name}";

    public void Dispose() => Handle.Dispose();
}
