using System.Formats.Cbor;
using Safes.Keys;

namespace Safes.Rules;

/// <summary>Lets hosts reach a destination outside, through the proxy.</summary>
/// <param name="From">A host's name, or * for every host.</param>
/// <param name="To">A destination's name, one with a leading *., or a preset with a leading @. Checked for its characters only.</param>
/// <param name="Port">0: those that are usual for it.</param>
/// <param name="Methods">Of HTTP, in capitals; none: any.</param>
/// <param name="UploadLimit">Bytes of a request; 0: no limit.</param>
/// <param name="DownloadLimit">Bytes of an answer; 0: no limit.</param>
/// <param name="UntilUnix">Seconds since 1970 from when on it no longer holds; 0: no end.</param>
public sealed record AllowRule(string From, string To, int Port, IReadOnlyList<string> Methods, long UploadLimit, long DownloadLimit, long UntilUnix) : Rule
{
    internal const string Name = "allow";

    internal const int MostMethods = 16;

    public override string Kind => Name;

    public bool Equals(AllowRule? other) =>
        other is not null && (From, To, Port, UploadLimit, DownloadLimit, UntilUnix) == (other.From, other.To, other.Port, other.UploadLimit, other.DownloadLimit, other.UntilUnix) &&
        Methods.SequenceEqual(other.Methods);

    public override int GetHashCode() => HashCode.Combine(From, To, Port, Methods.Count, UploadLimit, DownloadLimit, UntilUnix);

    internal override void Write(CborWriter to)
    {
        to.WriteStartArray(7);
        to.WriteTextString(From);
        to.WriteTextString(To);
        to.WriteInt32(Port);
        WriteTexts(to, Methods);
        to.WriteInt64(UploadLimit);
        to.WriteInt64(DownloadLimit);
        to.WriteInt64(UntilUnix);
        to.WriteEndArray();
    }

    internal static AllowRule ReadFields(CborReader from)
    {
        from.Array(7);
        string source = from.Text(MostText), destination = from.Text(MostText);
        int port = from.ReadInt32();
        string[] methods = new string[from.ArrayUpTo(MostMethods)];
        for (int i = 0; i < methods.Length; i++)
        {
            methods[i] = from.Text(16);
        }

        from.ReadEndArray();
        var rule = new AllowRule(
            source == "*" ? source : CheckedHost(source), destination, port == 0 ? 0 : CheckedPort(port), methods, NotNegative(from.ReadInt64()), NotNegative(from.ReadInt64()), NotNegative(from.ReadInt64()));
        from.ReadEndArray();
        return RuleNames.IsDestination(destination) && methods.All(RuleNames.IsMethod) ? rule : throw new MalformedException(Flaw.Damaged, "a destination or method in a rule");
    }
}
