namespace Safes.Keys;

/// <summary>How costly a password's hash is: Argon2id, one lane. Below the floor none is accepted, whoever asks.</summary>
public sealed record Argon2Parameters
{
    public const int FloorMemoryKiB = 64 * 1024, FloorPasses = 3, MostMemoryKiB = 4 * 1024 * 1024, MostPasses = 64;

    /// <exception cref="ArgumentOutOfRangeException">Weaker than the floor, or absurdly costly.</exception>
    public Argon2Parameters(int memoryKiB, int passes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(memoryKiB, FloorMemoryKiB);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(memoryKiB, MostMemoryKiB);
        ArgumentOutOfRangeException.ThrowIfLessThan(passes, FloorPasses);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(passes, MostPasses);
        (MemoryKiB, Passes) = (memoryKiB, passes);
    }

    public static Argon2Parameters Default { get; } = new(256 * 1024, 3);

    public static Argon2Parameters Floor { get; } = new(FloorMemoryKiB, FloorPasses);

    public int MemoryKiB { get; }

    public int Passes { get; }
}
