namespace Safes.Network.Tests;

/// <summary>What nft is told, as committed text: a change of the rules is seen in review.</summary>
public class RulesTests
{
    private static readonly SafeAddresses Addresses = SafeAddresses.Parse("10.83.16.0/20");
    private static readonly HostPort Desk = new(10, Addresses.Host(10)), Shelf = new(11, Addresses.Host(11));

    [Fact]
    public void The_rules_of_the_safes_namespace_are_those_committed() => AssertCommitted("safe.nft", SafeRules.Text(Addresses, 51820));

    [Fact]
    public void The_rules_of_the_proxys_ways_are_those_committed()
    {
        var world = new WorldPlan([Addresses.Host(10)], [80, 443], [System.Net.IPAddress.Parse("9.9.9.9")], ["10.0.0.0/8", "127.0.0.0/8"]);
        AssertCommitted("world.nft", WorldRules.Inside(Addresses) + WorldRules.Fill(world) + WorldRules.Outside(Addresses, "world-83-16", world));
    }

    [Fact]
    public void The_rules_of_the_servers_namespace_are_those_committed() =>
        AssertCommitted("public.nft", PublicRules.Text(Addresses, 51820, "safe-83-16", ["eth0", "eth1"]));

    [Fact]
    public void Ports_are_let_through_cut_and_forgotten_in_one_step_each()
    {
        Assert.Equal("add element bridge safe through { \"h10\", \"h11\" }\n", SafeRules.LetThrough([Desk, Shelf]));
        Assert.Equal(
            "add element bridge safe through { \"h10\" }\ndelete element bridge safe through { \"h10\" }\n",
            SafeRules.Cut([Desk]));
        Assert.Equal("", SafeRules.Cut([]));
        Assert.Equal("flush set bridge safe allowed\nadd element bridge safe allowed { 10.83.16.2 }\n", SafeRules.Allow([Addresses.Device(0)]));
        Assert.Contains("delete element bridge safe ports { \"h11\" . 52:54:00:53:01:0b . 10.83.17.11 }", SafeRules.Forget([Shelf]), StringComparison.Ordinal);
    }

    // On a difference the text that came is left beside the committed one's copy, to be looked at and committed.
    private static void AssertCommitted(string name, string text)
    {
        string file = Path.Combine(AppContext.BaseDirectory, "Snapshots", name);
        if (!File.Exists(file) || File.ReadAllText(file) != text)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file + ".received", text);
            Assert.Fail($"differs from what is committed: {file}.received");
        }
    }
}
