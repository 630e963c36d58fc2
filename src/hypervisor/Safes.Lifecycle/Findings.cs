namespace Safes.Lifecycle;

public enum KeyFound
{
    Absent,
    Present,
    Partly,
}

/// <summary>What the kernel and the processes say when safed starts. No file that says what state it was in is among it.</summary>
/// <param name="Claimed">A header exists.</param>
/// <param name="Mounted">A mount, mapping or loop device of the volume exists.</param>
/// <param name="Processes">QEMU or virtiofsd of the safe's hosts run.</param>
/// <param name="Recorded">Sessions whose tokens lie on the volume: written when opening was done, removed when closing begins.</param>
/// <param name="GuardedUntil">The deadline that the guardian was given last, in this boot, whether it lives or not; null: nobody knows of one.</param>
public sealed record Findings(
    bool Claimed, KeyFound Key, bool Mounted, bool Processes, Items<AwaitedSession> Recorded, TimeSpan? GuardedUntil = null);
