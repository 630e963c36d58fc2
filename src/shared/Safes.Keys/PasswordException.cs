namespace Safes.Keys;

/// <summary>Why a password cannot be used at all. Says nothing about whether it is the right one.</summary>
public enum PasswordFlaw
{
    /// <summary>Not well-formed UTF-8, or empty.</summary>
    NotText,

    /// <summary>Holds a code point that Unicode has not assigned yet: its normal form may change.</summary>
    Unassigned,

    /// <summary>This program runs without Unicode data: it would compute another key than the rest of the world.</summary>
    NoUnicode,
}

/// <inheritdoc cref="PasswordFlaw"/>
public sealed class PasswordException(PasswordFlaw flaw) : Exception($"unusable password: {flaw}")
{
    public PasswordFlaw Flaw { get; } = flaw;
}

/// <summary>The password's hash needs more memory than there is. Nothing was tried.</summary>
public sealed class NotEnoughMemoryException(long needed, long free)
    : Exception($"needs {needed >> 20} MiB, {free >> 20} MiB free")
{
    /// <summary>Bytes.</summary>
    public long Needed { get; } = needed;

    /// <summary>Bytes.</summary>
    public long Free { get; } = free;
}
