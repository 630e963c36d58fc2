using Safes.Linux;

namespace Safes.Volumes;

/// <summary>The encrypted directory and what lies in it.</summary>
public static class VolumeLayout
{
    internal const string Marker = "marker";
    /// <summary>The group that the team's files belong to, in every host.</summary>
    public const uint TeamGroup = 3000;

    // QEMU is unprivileged: it passes through to its own files. share/ belongs to the team, and so does what is made in it.
    private static readonly (string Name, uint Mode, uint Group)[] Directories =
    [
        ("share", 0x5fd, TeamGroup),    // 2775
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
            Stat.MakeDirectory(safe, name, mode);
            using var made = Fcntl.OpenBeneath(safe, name, Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow);
            Unistd.Chown(made, 0, group);
            Stat.SetMode(made, mode);
        }

        // Files that are to be let out are put there; it is the team's own, who may do away with it.
        using (var share = Fcntl.OpenBeneath(safe, "share", Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow))
        {
            Stat.MakeDirectory(share, "outbox", 0x5fd);
            using var outbox = Fcntl.OpenBeneath(share, "outbox", Fcntl.ReadOnly | Fcntl.Directory | Fcntl.NoFollow);
            Unistd.Chown(outbox, 0, TeamGroup);
            Stat.SetMode(outbox, 0x5fd);
            Fcntl.Sync(share);
        }

        Fcntl.Sync(safe);
        Fcntl.Sync(root);
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
