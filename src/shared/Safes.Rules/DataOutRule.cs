using System.Formats.Cbor;
using Safes.Keys;

namespace Safes.Rules;

/// <summary>How files leave a safe.</summary>
public enum DataOut
{
    /// <summary>Any member gets what is in the share. Where owners have decided nothing.</summary>
    Free,

    /// <summary>What another member has approved.</summary>
    FourEyes,

    /// <summary>What another member has approved, and devices get no shell in hosts, which would be a way around it.</summary>
    Closed,
}

/// <summary>How files leave the safe from now on.</summary>
public sealed record DataOutRule(DataOut Mode) : Rule
{
    internal const string Name = "data-out";

    private static readonly string[] Words = ["free", "four-eyes", "closed"];

    public override string Kind => Name;

    /// <summary>The mode as people write it; null: no mode.</summary>
    public static DataOut? Parse(string word) => Array.IndexOf(Words, word) is >= 0 and var i ? (DataOut)i : null;

    public static string WordOf(DataOut mode) => Words[(int)mode];

    internal override void Write(CborWriter to) => to.WriteTextString(WordOf(Mode));

    internal static DataOutRule ReadFields(CborReader from) =>
        new(Parse(from.Text(16)) ?? throw new MalformedException(Flaw.OtherVersion, "a way for data out that is not known here"));
}

/// <summary>Takes a rule away that stands.</summary>
/// <param name="Number">The entry's number that made it.</param>
public sealed record RemoveRule(int Number) : Rule
{
    internal const string Name = "remove";

    public override string Kind => Name;

    internal override void Write(CborWriter to) => to.WriteInt32(Number);

    internal static RemoveRule ReadFields(CborReader from) => new((int)NotNegative(from.ReadInt32()));
}
