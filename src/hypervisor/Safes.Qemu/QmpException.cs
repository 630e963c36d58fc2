namespace Safes.Qemu;

/// <summary>QEMU or the guest agent answered a command with an error, or went away.</summary>
public sealed class QmpException(string command, string kind, string description) : IOException($"{command}: {description} [{kind}]")
{
    /// <summary>The kind of those that had no answer because the other side closed the connection.</summary>
    public const string Gone = "Gone";

    public string Command { get; } = command;

    /// <summary>QMP's error class, "GenericError" mostly, or <see cref="Gone"/>.</summary>
    public string Kind { get; } = kind;

    public string Description { get; } = description;
}
