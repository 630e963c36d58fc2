namespace Safes.Roster;

/// <summary>What is wrong with a chain of entries.</summary>
public enum RosterFlaw
{
    /// <summary>An entry is not in the format.</summary>
    Damaged,

    /// <summary>An entry is of a version that this program does not know.</summary>
    OtherVersion,

    /// <summary>An entry bears no valid signature of a device that is in the roster.</summary>
    Unsigned,

    /// <summary>An entry does not follow the one before it: reordered, left out, inserted, or of another chain.</summary>
    OutOfOrder,

    /// <summary>Signed by a device whose member may not do that.</summary>
    NotAllowed,

    /// <summary>It adds what is there already, or changes what is not there.</summary>
    Conflict,

    /// <summary>The chain is shorter than one that was seen before.</summary>
    Truncated,

    /// <summary>The chain is not a continuation of one that was seen before.</summary>
    Forked,
}

/// <summary>A chain, or an entry to be added to it, is refused.</summary>
public sealed class RosterException(RosterFlaw flaw, int index, string what, Exception? inner = null) : Exception($"{flaw} at entry {index}: {what}", inner)
{
    public RosterFlaw Flaw { get; } = flaw;

    /// <summary>The entry's number, the genesis being 0.</summary>
    public int Index { get; } = index;
}
