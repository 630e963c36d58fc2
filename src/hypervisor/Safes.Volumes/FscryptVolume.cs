using Safes.Secrets;

namespace Safes.Volumes;

/// <summary>
/// A volume in a file: ext4 with one encrypted directory (fscrypt). Every call looks at the kernel, keeps no state but the two paths,
/// and can be repeated; a restarted daemon makes the object anew and goes on.
/// </summary>
public sealed class FscryptVolume(string file, string mountPoint)
{
    /// <summary>The name of the encrypted directory beneath the file system's root (ext4 takes no policy on the root itself).</summary>
    public const string EncryptedDirectory = "safe";

    public const int KeyLength = 64;

    public string File { get; } = file;

    public string MountPoint { get; } = mountPoint;

    /// <summary>The encrypted directory, where everything lies.</summary>
    public VolumeDirectory Root { get; } = new(System.IO.Path.Combine(mountPoint, EncryptedDirectory));

    /// <summary>Makes the allocated file and the file system in it. A failure leaves no file.</summary>
    /// <exception cref="VolumeException">NotRoot, Exists, SharedStorage, NoRoom, ReadOnly.</exception>
    public Task<VolumeIdentity> CreateAsync(long bytes, TimeSpan? limit = null) => throw new NotImplementedException();

    /// <summary>Attaches a loop device and mounts the file system, in the calling process's mount namespace. Writes nothing of ours.</summary>
    /// <exception cref="VolumeException">NotRoot, Missing, Truncated, Foreign, ReadOnly, SharedStorage, InUse, Unreachable.</exception>
    public Task AttachAsync(VolumeIdentity expected, TimeSpan? limit = null) => throw new NotImplementedException();

    /// <summary>Gives the key to the kernel. With <paramref name="expected"/> another key is taken back at once and refused.</summary>
    /// <exception cref="VolumeException">NotAttached, WrongKey.</exception>
    public KeyIdentifier Unlock(SecretBuffer key64, KeyIdentifier? expected = null) => throw new NotImplementedException();

    /// <summary>Makes the encrypted directory and the directories in it. For a new volume, once the key is there.</summary>
    public void InitialiseLayout(KeyIdentifier key) => throw new NotImplementedException();

    /// <summary>Looks whether the encrypted directory is one, with our policy and this key, before anything is written.</summary>
    /// <exception cref="VolumeException">PolicyWrong.</exception>
    public void CheckPolicy(KeyIdentifier key) => throw new NotImplementedException();

    /// <summary>The key that the encrypted directory names, null without one. Needs no key.</summary>
    public KeyIdentifier? FindPolicy() => throw new NotImplementedException();

    /// <summary>The marker as it was written, null when there is none.</summary>
    public byte[]? ReadMarker() => throw new NotImplementedException();

    public void WriteMarker(ReadOnlySpan<byte> marker) => throw new NotImplementedException();

    /// <summary>
    /// Syncs, removes the key, unmounts (never lazily), detaches, and looks that nothing is left. Also undoes an attach without a key.
    /// Idempotent at each stage; to be repeated until <see cref="LockOutcome.Absent"/>. Never throws for a dead storage.
    /// </summary>
    /// <param name="limit">When the caller wants an answer; a call that hangs is left behind in its thread. Default 30 s.</param>
    /// <param name="key">The key, when known; that of the policy and the last one given are removed anyway.</param>
    public Task<LockOutcome> LockAsync(TimeSpan? limit = null, KeyIdentifier? key = null) => throw new NotImplementedException();

    /// <summary>What the kernel says, looked up in all namespaces. Can be called from any.</summary>
    public VolumeFacts Observe() => throw new NotImplementedException();

    /// <summary>All that keeps the volume busy, this process included.</summary>
    public IReadOnlyList<Holder> FindHolders() => throw new NotImplementedException();

    /// <exception cref="VolumeException">NotAttached, Unreachable.</exception>
    public Task<RoomFacts> RoomAsync(TimeSpan? limit = null) => throw new NotImplementedException();
}
