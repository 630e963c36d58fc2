using System.Text.RegularExpressions;
using Google.Protobuf.Reflection;
using Safes.Contracts.Link;
using Safes.Contracts.V1;

namespace Safes.Architecture.Tests;

/// <summary>What crosses from the inside of an open safe to the part of `safed` that stays.</summary>
public partial class InsideBoundary
{
    [Fact]
    public void Nothing_that_goes_to_the_resident_part_can_hold_a_word()
    {
        var wrong = Held(ToResident.Descriptor, []).SelectMany(m => m.Fields.InDeclarationOrder())
            .Where(f => f.FieldType is FieldType.String or FieldType.Bytes or FieldType.Group).Select(f => f.FullName);
        SourceTree.None(wrong);
        // The control: the other way there are words.
        Assert.Contains(Held(ToInside.Descriptor, []).SelectMany(m => m.Fields.InDeclarationOrder()), f => f.FieldType is FieldType.String);
    }

    [Fact]
    public void Every_call_stands_in_the_list_of_those_after_which_the_server_is_searched()
    {
        string list = SourceTree.Read("tests/Safes.Safed.Tests/InsideCalls.cs");
        var inside = SafeReflection.Descriptor.Services.Single(s => s.Name == "Inside").Methods.Select(m => m.Name).ToList();
        var resident = SafeReflection.Descriptor.Services.Single(s => s.Name == "Safe").Methods.Select(m => m.Name).ToList();
        Assert.Equal(inside.Order(StringComparer.Ordinal), Listed().Matches(list).Select(m => m.Groups[1].Value).Order(StringComparer.Ordinal));
        string named = list[list.IndexOf("Resident { get; }", StringComparison.Ordinal)..];
        named = named[..named.IndexOf("];", StringComparison.Ordinal)];
        Assert.Equal(resident.Order(StringComparer.Ordinal), Quoted().Matches(named).Select(m => m.Groups[1].Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_lives_with_one_opening_is_made_in_the_inside_alone()
    {
        // The resident part and its effects know none of these types; whoever needs one asks the inside.
        string[] kinds = ["HostFleet(", "SshAuthority.OpenAsync", "RuleKeeper.Open", "new OutsideKeeper", "new TransferRoom", "new Airlock", "GuestAgent"];
        var wrong = SourceTree.Files("src/hypervisor/Safes.Hypervisor", "*.cs")
            .Where(f => Resident().IsMatch(f)).SelectMany(f => kinds.Where(k => SourceTree.Read(f).Contains(k, StringComparison.Ordinal)).Select(k => $"{f}: {k}"));
        SourceTree.None(wrong);
    }

    private static IEnumerable<MessageDescriptor> Held(MessageDescriptor message, HashSet<string> seen) =>
        seen.Add(message.FullName)
            ? [message, .. message.Fields.InDeclarationOrder().Where(f => f.FieldType is FieldType.Message).SelectMany(f => Held(f.MessageType, seen))]
            : [];

    [GeneratedRegex("""\["(\w+)"\] = """)]
    private static partial Regex Listed();

    [GeneratedRegex("\"(\\w+)\"")]
    private static partial Regex Quoted();

    [GeneratedRegex("Safes.Hypervisor/(Resident|Effects|Daemon|Api|Commands|Guardian|Gateway|Vault|Link)/")]
    private static partial Regex Resident();
}
