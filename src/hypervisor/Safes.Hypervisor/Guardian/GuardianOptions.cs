using Safes.Volumes;

namespace Safes.Hypervisor.Guardian;

/// <summary>What the guardian is started with.</summary>
/// <param name="RunDirectory">The safe's run directory; the socket is guardian.sock in it, the log guardian.log.</param>
/// <param name="Program">How to start the guardian: program and first arguments, by default this program with "guard".</param>
/// <param name="RebootOnFailure">Whether it reboots the server when it cannot remove the key.</param>
public sealed record GuardianOptions(string RunDirectory, IReadOnlyList<string>? Program = null, bool RebootOnFailure = false)
{
    public string Socket => Path.Combine(RunDirectory, "guardian.sock");

    /// <summary>What <see cref="KeptDeadline"/> keeps.</summary>
    public string Deadline => Path.Combine(RunDirectory, "guardian.deadline");

    public string Log => Path.Combine(RunDirectory, "guardian.log");
}

/// <summary>What the guardian takes away when the deadline comes.</summary>
public sealed record GuardedVolume(string File, string MountPoint, KeyIdentifier Key);

/// <summary>The guardian refused, did not answer, or has gone.</summary>
public sealed class GuardianException(string what) : IOException($"guardian: {what}");
