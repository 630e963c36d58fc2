namespace Safes.Network.Tests;

/// <summary>What nft is told, as committed text: a change of the rules is seen in review.</summary>
public class RulesTests
{
    private static readonly SafeAddresses Addresses = SafeAddresses.Parse("10.83.16.0/20");
    private static readonly UlaPrefix Ula = UlaPrefix.Of(new byte[16]);
    private static readonly HostPort Desk = new(10, Addresses.Host(10), Ula.Host(10)), Shelf = new(11, Addresses.Host(11), Ula.Host(11));

    [Fact]
    public void The_rules_of_the_safes_namespace_are_those_committed() => AssertCommitted("safe.nft", SafeRules.Text(Addresses, Ula, 51820));

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

    [Fact]
    public void Ways_in_and_groups_are_replaced_whole_and_in_one_step_each()
    {
        Assert.Equal("flush set bridge safe doors\nflush set bridge safe services\n", SafeRules.Open(WaysIn.None));
        Assert.Equal(
            "flush set bridge safe doors\nflush set bridge safe services\nadd element bridge safe doors { 22 }\nadd element bridge safe services { 10.83.17.10 . 8888 }\n",
            SafeRules.Open(new WaysIn(true, [new ServicePort(Desk.Address, 8888)])));
        Assert.Equal(
            "flush set bridge safe grouped\nflush map bridge safe groups\nflush set bridge safe together\nadd element bridge safe grouped { \"h10\", \"h11\" }\n" +
            "add element bridge safe groups { \"h10\" : 1, \"h11\" : 2 }\nadd element bridge safe together { \"h10\" . 1, \"h11\" . 2 }\n",
            SafeRules.Group([[Desk], [Shelf]]));
    }

    [Fact]
    public void A_safes_ipv6_prefix_follows_from_its_init()
    {
        Assert.Equal($"fd{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData([.. "safes/1/ula"u8, .. new byte[16]]))[..10]}00010000000000000000",
            Convert.ToHexStringLower(Ula.Inside.BaseAddress.GetAddressBytes()));
        Assert.Equal(64, Ula.Inside.PrefixLength);
        Assert.True(Ula.Inside.Contains(Ula.Host(254)));
        Assert.Equal(254, Ula.Host(254).GetAddressBytes()[15]);
        Assert.NotEqual(Ula, UlaPrefix.Of([.. new byte[15], 1]));
    }

    [Fact]
    public void Counts_are_read_from_what_nft_prints()
    {
        var counts = Refusals.Parse("""
            {"nftables": [{"metainfo": {"version": "1.0.6"}}, {"set": {"name": "refused", "elem": [
              {"elem": {"val": "h10", "counter": {"packets": 3, "bytes": 180}}}, {"elem": {"val": "h11", "counter": {"packets": 0, "bytes": 0}}}]}}]}
            """);
        Assert.Equal((3UL, 0UL), (counts["h10"], counts["h11"]));
        Assert.Empty(Refusals.Parse("""{"nftables": [{"set": {"name": "refused"}}]}"""));
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
