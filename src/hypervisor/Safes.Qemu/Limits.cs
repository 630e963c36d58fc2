namespace Safes.Qemu;

/// <summary>How long each step of a virtual machine may take. What runs out is named in a <see cref="HungException"/>.</summary>
public sealed record Limits
{
    /// <summary>QEMU's process started until QMP answers.</summary>
    public TimeSpan Start { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>One QMP command.</summary>
    public TimeSpan Command { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Loading a state.</summary>
    public TimeSpan Load { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Saving the state, RAM not included.</summary>
    public TimeSpan Save { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Writing RAM and disk back, with everything dirty.</summary>
    public TimeSpan Flush { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Ending QEMU and virtiofsd after `quit`.</summary>
    public TimeSpan Quit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A boot until the guest agent answers.</summary>
    public TimeSpan Boot { get; init; } = TimeSpan.FromSeconds(180);

    /// <summary>The guest agent after a resume.</summary>
    public TimeSpan Agent { get; init; } = TimeSpan.FromSeconds(15);
}
