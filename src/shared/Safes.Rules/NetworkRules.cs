using System.Formats.Cbor;
using Safes.Keys;

namespace Safes.Rules;

/// <summary>These hosts, and no others, are in the group. Complete: the newest of a name counts; with no hosts the group is dissolved.</summary>
public sealed record GroupRule(string Group, IReadOnlyList<string> Hosts) : Rule
{
    internal const string Name = "group";

    public override string Kind => Name;

    public bool Equals(GroupRule? other) => other is not null && Group == other.Group && Hosts.SequenceEqual(other.Hosts);

    public override int GetHashCode() => HashCode.Combine(Group, Hosts.Count);

    internal override void Write(CborWriter to)
    {
        to.WriteStartArray(2);
        to.WriteTextString(Group);
        WriteTexts(to, Hosts);
        to.WriteEndArray();
    }

    internal static GroupRule ReadFields(CborReader from)
    {
        from.Array(2);
        var rule = new GroupRule(CheckedHost(from.Text(MostText)), ReadNames(from));
        from.ReadEndArray();
        return rule.Hosts.Distinct().Count() == rule.Hosts.Count ? rule : throw new MalformedException(Flaw.Damaged, "a host twice in a group");
    }
}

/// <summary>Lets the devices of members with a session reach a TCP port of a host through the VPN.</summary>
public sealed record ExposeRule(string Host, int Port) : Rule
{
    internal const string Name = "expose";

    public override string Kind => Name;

    internal override void Write(CborWriter to)
    {
        to.WriteStartArray(2);
        to.WriteTextString(Host);
        to.WriteInt32(Port);
        to.WriteEndArray();
    }

    internal static ExposeRule ReadFields(CborReader from)
    {
        from.Array(2);
        var rule = new ExposeRule(CheckedHost(from.Text(MostText)), CheckedPort(from.ReadInt32()));
        from.ReadEndArray();
        return rule;
    }
}
