namespace Safes.Rules;

/// <summary>What is wrong with a chain of rules, or with an entry to be added to it.</summary>
public enum RuleFlaw
{
    /// <summary>An entry is not in the format.</summary>
    Damaged,

    /// <summary>An entry is of a version or kind that this program does not know.</summary>
    OtherVersion,

    /// <summary>An entry bears no valid signature of a device that was in the roster.</summary>
    Unsigned,

    /// <summary>An entry does not follow the one before it: reordered, left out, inserted, or of another safe.</summary>
    OutOfOrder,

    /// <summary>Signed by a device whose member was no owner.</summary>
    NotAllowed,

    /// <summary>It adds what stands already, or removes what does not.</summary>
    Conflict,
}

/// <summary>A chain of rules, or an entry to be added to it, is refused.</summary>
public sealed class RuleException(RuleFlaw flaw, int number, string what, Exception? inner = null) : Exception($"{flaw} at rule {number}: {what}", inner)
{
    public RuleFlaw Flaw { get; } = flaw;

    /// <summary>The entry's number, from 1 on.</summary>
    public int Number { get; } = number;

    public string What { get; } = what;
}
