using System.Runtime.ExceptionServices;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Volumes;

/// <summary>
/// A volume in a file: ext4 with one encrypted directory (fscrypt). Every call looks at the kernel and can be repeated; a restarted daemon
/// makes the object anew and goes on.
/// </summary>
public sealed class FscryptVolume(string file, string mountPoint)
{
    /// <summary>The name of the encrypted directory beneath the file system's root (ext4 takes no policy on the root itself).</summary>
    public const string EncryptedDirectory = "safe";

    public const int KeyLength = 64;

    private const int MarkerLimit = 64 << 10;

    private readonly Lock gate = new();
    private readonly HashSet<KeyIdentifier> given = [];
    private (VolumeLocking Attempt, Task<LockOutcome> Outcome)? running;

    public static TimeSpan DefaultLimit { get; } = TimeSpan.FromSeconds(30);

    public string File { get; } = file;

    public string MountPoint { get; } = mountPoint;

    /// <summary>The encrypted directory, where everything lies.</summary>
    public VolumeDirectory Root { get; } = new(mountPoint, EncryptedDirectory);

    /// <summary>Makes the allocated file and the file system in it. A failure leaves no file.</summary>
    /// <exception cref="VolumeException">NotRoot, Exists, SharedStorage, NoRoom, ReadOnly, Unreachable.</exception>
    public Task<VolumeIdentity> CreateAsync(long bytes, TimeSpan? limit = null) =>
        VolumeCreation.RunAsync(File, bytes, limit ?? TimeSpan.FromMinutes(10));

    /// <summary>Attaches a loop device and mounts the file system, in the calling process's mount namespace. Writes nothing of ours.</summary>
    /// <exception cref="VolumeException">NotRoot, Missing, Truncated, Foreign, ReadOnly, SharedStorage, InUse, Unreachable.</exception>
    public async Task AttachAsync(VolumeIdentity expected, TimeSpan? limit = null)
    {
        using var abandoned = new CancellationTokenSource();
        var token = abandoned.Token;
        try
        {
            await OwnThread.RunAsync(File, "mount", limit ?? DefaultLimit, () => VolumeAttaching.Run(File, MountPoint, expected, token)).ConfigureAwait(false);
        }
        catch (VolumeException e) when (e.Reason == VolumeRefusal.Unreachable)
        {
            await abandoned.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Gives the key to the kernel. With <paramref name="expected"/> another key is taken back at once and refused.</summary>
    /// <exception cref="VolumeException">NotAttached, WrongKey.</exception>
    public KeyIdentifier Unlock(SecretBuffer key64, KeyIdentifier? expected = null)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key64.Length, KeyLength);
        using var root = MountedVolume.Open(MountPoint);
        using var block = SecretBuffer.Allocate(Fscrypt.AddKeyHeader + KeyLength);
        using var argument = block.Borrow();
        using (var key = key64.Borrow())
        {
            key.Span.CopyTo(argument.Span[Fscrypt.AddKeyHeader..]);
        }

        var added = new KeyIdentifier(Fscrypt.AddKey(root, argument.Span));
        if (expected is { } wanted && added != wanted)
        {
            Fscrypt.RemoveKey(root, added.ToArray());
            throw new VolumeException(VolumeRefusal.WrongKey, File);
        }

        lock (gate)
        {
            given.Add(added);
        }

        return added;
    }

    /// <summary>Makes the encrypted directory and the directories in it. For a new volume, once the key is there.</summary>
    public void InitialiseLayout(KeyIdentifier key) => VolumeLayout.Make(MountPoint, key);

    /// <summary>Looks whether the encrypted directory is one, with our policy and this key, before anything is written.</summary>
    /// <exception cref="VolumeException">PolicyWrong, NotAttached.</exception>
    public void CheckPolicy(KeyIdentifier key) => VolumeLayout.Check(MountPoint, key);

    /// <summary>The key that the encrypted directory names, null without one. Needs no key.</summary>
    public KeyIdentifier? FindPolicy()
    {
        using var root = MountedVolume.Open(MountPoint);
        return MountedVolume.KeyOf(MountedVolume.FindPolicy(root));
    }

    /// <summary>The marker as it was written, null when there is none.</summary>
    public byte[]? ReadMarker() => Root.ReadFile(VolumeLayout.Marker, MarkerLimit);

    public void WriteMarker(ReadOnlySpan<byte> marker) => Root.WriteFile(VolumeLayout.Marker, marker);

    /// <summary>
    /// Syncs, removes the key, unmounts (never lazily), detaches, and looks that nothing is left. Also undoes an attach without a key.
    /// Idempotent at each stage; to be repeated until <see cref="LockOutcome.Absent"/>. Dead storage is an outcome, not an exception.
    /// </summary>
    /// <param name="limit">When the caller wants an answer; an attempt that hangs is left behind and the next call joins it. Default 30 s.</param>
    /// <param name="key">The key, when known; that of the policy and those given by this object are removed anyway.</param>
    public async Task<LockOutcome> LockAsync(TimeSpan? limit = null, KeyIdentifier? key = null)
    {
        TimeSpan time = limit ?? DefaultLimit;
        var (attempt, outcome) = StartLocking(time, key);
        try
        {
            return await outcome.WaitAsync(time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return new LockOutcome.Unreachable(attempt.Step, attempt.KeyAbsent);
        }
    }

    /// <summary><see cref="LockAsync"/> for a thread that only visits another mount namespace: nothing is handed to the pool there, whose
    /// workers would stay in it.</summary>
    public LockOutcome Lock(TimeSpan limit, KeyIdentifier? key = null)
    {
        var (attempt, outcome) = StartLocking(limit, key);
        try
        {
            return outcome.Wait(limit) ? outcome.Result : new LockOutcome.Unreachable(attempt.Step, attempt.KeyAbsent);
        }
        catch (AggregateException e) when (e.InnerException is { } cause)
        {
            ExceptionDispatchInfo.Throw(cause);
            throw;
        }
    }

    /// <summary>What the kernel says, looked up in all namespaces. Can be called from any.</summary>
    /// <param name="key">The key, when known; that of the policy is asked about anyway, while the volume is mounted.</param>
    public VolumeFacts Observe(KeyIdentifier? key = null) => Observation.Run(File, MountPoint, Known(key));

    /// <summary>All that keeps the volume busy, this process included.</summary>
    public IReadOnlyList<Holder> FindHolders() => HolderScan.Run(VolumeLoops.Of(File, MountPoint), MountPoint);

    /// <exception cref="VolumeException">NotAttached, Unreachable.</exception>
    public Task<RoomFacts> RoomAsync(TimeSpan? limit = null) => OwnThread.RunAsync(File, "statfs", limit ?? TimeSpan.FromSeconds(5), () =>
    {
        MountedVolume.Open(MountPoint).Dispose();
        var status = Statfs.Of(MountPoint);
        return new RoomFacts(status.Total, status.Available);
    });

    private (VolumeLocking Attempt, Task<LockOutcome> Outcome) StartLocking(TimeSpan limit, KeyIdentifier? key)
    {
        var known = Known(key);
        lock (gate)
        {
            // One that hangs in the kernel is not helped by a second one behind it.
            if (running is not { Outcome.IsCompleted: false })
            {
                var attempt = new VolumeLocking(File, MountPoint, known, limit);
                running = (attempt, Background.Run(attempt.Run, "lock the volume"));
            }

            return running.Value;
        }
    }

    private HashSet<KeyIdentifier> Known(KeyIdentifier? key)
    {
        lock (gate)
        {
            HashSet<KeyIdentifier> known = [.. given];
            if (key is { } one)
            {
                known.Add(one);
            }

            return known;
        }
    }
}
