namespace Safes.Qemu;

/// <summary>QEMU (or the guest agent) answered a command with an error.</summary>
public sealed class QmpException(string command, string kind, string description) : IOException($"{command}: {description} [{kind}]")
{
    public string Command { get; } = command;

    /// <summary>QMP's error class, "GenericError" mostly; "Gone" when the other side closed the connection.</summary>
    public string Kind { get; } = kind;

    public string Description { get; } = description;
}
