using System.Formats.Cbor;
using Safes.Keys;

namespace Safes.Rules;

/// <summary>
/// What owners decide about a safe's network and about what leaves it. Immutable; what can be written can be read, and the other way
/// round. Whether a rule fits those that stand already is <see cref="RuleBook"/>'s to say.
/// </summary>
public abstract record Rule
{
    internal const int MostText = 255, MostNames = 256;

    private protected Rule()
    {
    }

    /// <summary>The kind, as it stands in the entry and in the command.</summary>
    public abstract string Kind { get; }

    internal abstract void Write(CborWriter to);

    /// <summary>The kind and its fields, the last two elements of an entry's body.</summary>
    internal static Rule Read(CborReader from)
    {
        string kind = from.Text(16);
        return kind switch
        {
            AllowRule.Name => AllowRule.ReadFields(from),
            GroupRule.Name => GroupRule.ReadFields(from),
            ExposeRule.Name => ExposeRule.ReadFields(from),
            DataOutRule.Name => DataOutRule.ReadFields(from),
            RemoveRule.Name => RemoveRule.ReadFields(from),
            _ => throw new MalformedException(Flaw.OtherVersion, "a rule of a kind that is not known here"),
        };
    }

    private protected static string[] ReadNames(CborReader from)
    {
        string[] names = new string[from.ArrayUpTo(MostNames)];
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = CheckedHost(from.Text(MostText));
        }

        from.ReadEndArray();
        return names;
    }

    private protected static void WriteTexts(CborWriter to, IReadOnlyList<string> texts)
    {
        to.WriteStartArray(texts.Count);
        foreach (string text in texts)
        {
            to.WriteTextString(text);
        }

        to.WriteEndArray();
    }

    private protected static string CheckedHost(string name) =>
        RuleNames.IsHost(name) ? name : throw new MalformedException(Flaw.Damaged, "a host's name in a rule");

    private protected static int CheckedPort(int port) =>
        port is > 0 and <= ushort.MaxValue ? port : throw new MalformedException(Flaw.Damaged, "a port in a rule");

    private protected static long NotNegative(long number) =>
        number >= 0 ? number : throw new MalformedException(Flaw.Damaged, "a number in a rule");
}
