namespace Safes.Keys;

/// <summary>What is wrong with bytes that were to be read.</summary>
public enum Flaw
{
    /// <summary>Cut, changed, or never one of ours.</summary>
    Damaged,

    /// <summary>One of ours, of a version that this program does not know.</summary>
    OtherVersion,
}

/// <summary>Bytes from outside (id, address, header, roster, box) are not in the format. Every parser here fails with this alone.</summary>
public sealed class MalformedException(Flaw flaw, string what, Exception? inner = null) : FormatException($"{flaw}: {what}", inner)
{
    public Flaw Flaw { get; } = flaw;

    public string What { get; } = what;
}
