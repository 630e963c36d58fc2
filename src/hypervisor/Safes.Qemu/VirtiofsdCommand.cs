using System.Runtime.InteropServices;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// How virtiofsd is started. Its inodes are file handles, not descriptors: a guest that has looked at a million files costs it none. Of files
/// that are open it takes a million, its own default.
/// </summary>
public static class VirtiofsdCommand
{
    /// <param name="share">The directory that it serves.</param>
    /// <param name="listener">A listening socket.</param>
    /// <param name="emptyNetwork">The pin of an empty network namespace; null: a new one, of its sandbox.</param>
    public static ChildStart Start(Tools tools, string share, SafeHandle listener, string? emptyNetwork) => new(tools.Virtiofsd[0],
    [
        .. tools.Virtiofsd.Skip(1), "--shared-dir", share, "--fd", "3", "--inode-file-handles=prefer", "--migration-mode", "file-handles",
        "--modcaps=+dac_read_search:-mknod:-setfcap", "--migration-on-error", "guest-error", "--log-level", "error",
    ])
    {
        Descriptors = [listener],
        NetworkNamespace = emptyNetwork,
        NoCore = true,
    };
}
