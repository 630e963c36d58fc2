using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Guardian;

/// <summary>What the guardian is started with.</summary>
/// <param name="RunDirectory">The safe's run directory; the socket is guardian.sock in it, the log guardian.log.</param>
/// <param name="Program">How to start the guardian: program and first arguments, by default this program with "guard".</param>
/// <param name="RebootOnFailure">Whether it reboots the server when it cannot remove the key.</param>
public sealed record GuardianOptions(string RunDirectory, IReadOnlyList<string>? Program = null, bool RebootOnFailure = false);

/// <summary>What the guardian takes away when the deadline passes.</summary>
public sealed record GuardedVolume(string File, string MountPoint, KeyIdentifier Key);

/// <summary>
/// The daemon's side of the guardian: a second process that closes the safe when the daemon cannot. All deadlines are
/// <see cref="BootClock.Now"/> values. Thread safe; calls are answered one after the other.
/// </summary>
public sealed class GuardianClient : IAsyncDisposable
{
    /// <summary>The guardian's process.</summary>
    public int Pid => throw new NotImplementedException();

    /// <summary>Raised once, from a thread of its own, when the guardian's process ends while we still want it.</summary>
    public event Action? Died;

    public bool IsAlive => Died is null;

    /// <summary>Connects to the guardian that guards this safe already, or starts one.</summary>
    public static Task<GuardianClient> StartOrConnectAsync(GuardianOptions options, TimeSpan? limit = null) => throw new NotImplementedException();

    /// <summary>Tells the guardian what to guard until when, with this process and its mount namespace; returns once it acknowledged. To be called before the
    /// key is added, and again by a restarted daemon that adopts an open safe.</summary>
    public Task ArmAsync(GuardedVolume volume, TimeSpan deadline) => throw new NotImplementedException();

    /// <summary>A later deadline (an earlier one than the current is ignored: deadlines only grow).</summary>
    public Task ExtendAsync(TimeSpan deadline) => throw new NotImplementedException();

    /// <summary>Processes to end with the safe: QEMU, virtiofsd. Added to those given before; the ended ones are forgotten by themselves.</summary>
    public Task HoldAsync(IReadOnlyList<PidFd> processes) => throw new NotImplementedException();

    /// <summary>True when the guardian has seen for itself that the key is absent and the volume mounted nowhere, and stands down; false otherwise.</summary>
    public Task<bool> DisarmAsync() => throw new NotImplementedException();

    /// <summary>Ends a disarmed guardian (at shutdown of the daemon with a closed safe). An armed one stays.</summary>
    public Task EndAsync() => throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
