using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>Opens the root of a mounted volume and asks the kernel about its keys. No handle outlives a call of ours: it would pin the mount.</summary>
internal static class MountedVolume
{
    private const ulong RootInode = 2;

    /// <summary>Opens the root; refuses what is no ext4 root on a loop device, above all the bare directory beneath an absent mount.</summary>
    /// <exception cref="VolumeException">NotAttached.</exception>
    internal static SafeFileHandle Open(string mountPoint) =>
        TryOpen(mountPoint, status => status.Device.Major == Loop.Major) ?? throw new VolumeException(VolumeRefusal.NotAttached, mountPoint);

    /// <summary>Null when one of these loop devices is not mounted there.</summary>
    internal static SafeFileHandle? TryOpen(string mountPoint, VolumeLoops loops) => TryOpen(mountPoint, status => loops.Has(status.Device));

    private static SafeFileHandle? TryOpen(string mountPoint, Func<FileStatus, bool> isVolume)
    {
        SafeFileHandle root;
        try
        {
            root = Fcntl.Open(mountPoint, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow);
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.NotDirectory or Errno.TooManyLinks)
        {
            return null;
        }

        var status = Stat.Of(root);
        if (status.Inode == RootInode && isVolume(status))
        {
            return root;
        }

        root.Dispose();
        return null;
    }

    /// <summary>The policy of the encrypted directory; null when something else is in its place.</summary>
    internal static byte[]? FindPolicy(SafeFileHandle root)
    {
        try
        {
            using var safe = Fcntl.OpenBeneath(root, FscryptVolume.EncryptedDirectory, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow);
            return Fscrypt.GetPolicy(safe);
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.NotDirectory or Errno.TooManyLinks)
        {
            return null;
        }
    }

    /// <summary>The key that a policy of ours names.</summary>
    internal static KeyIdentifier? KeyOf(byte[]? policy) =>
        policy is { Length: Fscrypt.PolicyLength } ? new KeyIdentifier(policy.AsSpan(8, KeyIdentifier.Length)) : null;

    /// <summary>Adds the key that the volume names. When its storage cannot say, the reason: removing a key that is known needs no storage.</summary>
    internal static string? AddKey(SafeFileHandle root, HashSet<KeyIdentifier> keys)
    {
        try
        {
            if (KeyOf(FindPolicy(root)) is { } named)
            {
                keys.Add(named);
            }

            return null;
        }
        catch (LinuxException e)
        {
            return e.Message;
        }
    }

    internal static KeyStatus StatusOf(SafeFileHandle root, KeyIdentifier key) => (KeyStatus)Fscrypt.KeyStatus(root, key.ToArray());
}
