using System.Runtime.InteropServices;
using Safes.Linux;

namespace Safes.Volumes;

/// <summary>The encrypted directory and what lies in it.</summary>
public static class VolumeLayout
{
    internal const string Marker = "marker";
    /// <summary>The group that the team's files belong to, in every host.</summary>
    public const uint TeamGroup = 3000;

    // QEMU is unprivileged: it passes through to its own files. share/ belongs to the team, and so does what is made in it.
    private static readonly (string Name, uint Mode, uint Group) Share = ("share", 0x5fd, TeamGroup);    // 2775

    private static readonly (string Name, uint Mode, uint Group)[] Directories =
    [
        Share,
        ("hosts", 0x1c9, 0), ("images", 0x1c9, 0),    // 0711
        ("ssh", 0x1c0, 0), ("sessions", 0x1c0, 0), ("rules", 0x1c0, 0), ("log", 0x1c0, 0),    // 0700
    ];

    internal static void Make(string mountPoint, KeyIdentifier key)
    {
        Span<byte> policy = stackalloc byte[Fscrypt.PolicyLength];
        Fscrypt.WritePolicy(policy, key.ToArray());
        using var root = MountedVolume.Open(mountPoint);
        Stat.MakeDirectory(root, FscryptVolume.EncryptedDirectory, 0x1c9);
        using var safe = Fcntl.OpenBeneath(root, FscryptVolume.EncryptedDirectory, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow);
        Fscrypt.SetPolicy(safe, policy);
        Stat.SetMode(safe, 0x1c9);
        foreach (var (name, mode, group) in Directories)
        {
            Make(safe, name, mode, group);
        }

        // Files that are to be let out are put there; it is the team's own, who may do away with it.
        using (var share = Fcntl.OpenBeneath(safe, Share.Name, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow))
        {
            Make(share, "outbox", Share.Mode, Share.Group);
            Fcntl.Sync(share);
        }

        Fcntl.Sync(safe);
        Fcntl.Sync(root);
    }

    private static void Make(SafeHandle parent, string name, uint mode, uint group)
    {
        Stat.MakeDirectory(parent, name, mode);
        using var made = Fcntl.OpenBeneath(parent, name, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow);
        Unistd.Chown(made, 0, group);
        Stat.SetMode(made, mode);
    }

    internal static void Check(string mountPoint, KeyIdentifier key)
    {
        Span<byte> wanted = stackalloc byte[Fscrypt.PolicyLength];
        Fscrypt.WritePolicy(wanted, key.ToArray());
        using var root = MountedVolume.Open(mountPoint);
        if (MountedVolume.FindPolicy(root) is not { } found || !wanted.SequenceEqual(found))
        {
            throw new VolumeException(VolumeRefusal.PolicyWrong, System.IO.Path.Combine(mountPoint, FscryptVolume.EncryptedDirectory));
        }

        using var safe = Fcntl.OpenBeneath(root, FscryptVolume.EncryptedDirectory, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow);
        foreach (var (name, _, _) in Directories)
        {
            try
            {
                // The kernel refuses one that is not encrypted as the directory it is in.
                Fcntl.OpenBeneath(safe, name, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow).Dispose();
            }
            catch (LinuxException e)
            {
                throw new VolumeException(VolumeRefusal.PolicyWrong, System.IO.Path.Combine(mountPoint, FscryptVolume.EncryptedDirectory, name), e.Message);
            }
        }
    }
}
