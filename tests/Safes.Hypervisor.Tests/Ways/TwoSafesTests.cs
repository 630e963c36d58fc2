using System.Diagnostics.CodeAnalysis;
using Safes.Contracts;
using Safes.Hypervisor.Commands;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Vaults;
using Safes.Network;

namespace Safes.Hypervisor.Tests.Ways;

/// <summary>Two safes on one machine, as the test switch allows, have no users and no addresses in common.</summary>
[SuppressMessage("Design", "CA1001", Justification = "xunit disposes it")]
public sealed class TwoSafesTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("safes-two-").FullName;

    [Fact]
    public void A_servers_safes_have_users_of_their_own()
    {
        Assert.Equal(SafeUsers.Usual, Neighbours.FreeUsers(Paths("ledger")));
        Make("ledger", "10.83.16.0/20", firstUser: 0);      // as safes have it that were made before there were others
        var second = Neighbours.FreeUsers(Paths("archive"));
        Make("archive", "10.84.16.0/20", second.First);
        var third = Neighbours.FreeUsers(Paths("third"));
        SafeUsers[] all = [SafeUsers.Usual, second, third];
        uint[] users = [.. all.SelectMany(u => Enumerable.Range(10, 245).Select(u.Host).Append(u.Gateway))];
        Assert.Equal(users.Length, users.Distinct().Count());
        Assert.All(all, u => Assert.True(u.IsValid && all.Count(other => other.NumberOf(u.Host(10)) is not null) == 1));
        Assert.Equal((64210u, 64100u), (SafeUsers.Usual.Host(10), SafeUsers.Usual.Gateway));
    }

    [Fact]
    public async Task An_address_plan_that_overlaps_is_drawn_again_and_refused_when_it_was_written_by_hand()
    {
        Make("ledger", "10.83.16.0/20", firstUser: 0);
        Queue<string> draws = new(["10.83.16.0/20", "10.83.16.0/20", "10.84.16.0/20"]);
        Assert.Equal("10.84.16.0/20", (await Neighbours.FreeAddressesAsync(Paths("archive"), () => SafeAddresses.Parse(draws.Dequeue()))).Prefix);
        var none = await Assert.ThrowsAsync<FaultException>(() => Neighbours.FreeAddressesAsync(Paths("archive"), () => SafeAddresses.Parse("10.83.16.0/20")));
        Assert.Equal(FaultCodes.AddressesTaken, none.Code);

        Make("archive", "10.83.16.0/20", new SafeUsers(1879048448).First);
        var same = await Assert.ThrowsAsync<FaultException>(() => CheckAsync("archive"));
        Assert.Equal(FaultCodes.AddressesTaken, same.Code);
        Assert.Contains("'ledger'", same.Details["why"], StringComparison.Ordinal);
        Make("archive", "10.84.16.0/20", firstUser: 64200);
        Assert.Equal(FaultCodes.BadConfiguration, (await Assert.ThrowsAsync<FaultException>(() => CheckAsync("archive"))).Code);
        Make("archive", "10.84.16.0/20", new SafeUsers(1879048448).First);
        await CheckAsync("archive");
        await CheckAsync("ledger");
    }

    [Theory]
    [InlineData(1u)]            // a server's own
    [InlineData(64201u)]
    [InlineData(1000u)]
    [InlineData(1879048449u)]
    public void Users_that_begin_no_safes_range_are_refused(uint first)
    {
        Make("ledger", "10.83.16.0/20", first);
        Assert.Equal(FaultCodes.BadConfiguration, Assert.Throws<FaultException>(() => Premises.Read(Paths("ledger"))).Code);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private Task CheckAsync(string name) =>
        Neighbours.CheckAsync(Paths(name), SafeConfiguration.Parse(File.ReadAllBytes(Path.Combine(Paths(name).State, "config.json"))), Premises.Read(Paths(name)));

    private SafePaths Paths(string name) => new(root, "/run/none", name);

    private void Make(string name, string network, uint firstUser)
    {
        Directory.CreateDirectory(Paths(name).State);
        var configuration = new SafeConfiguration { Name = name, Endpoint = "192.0.2.1:51820", Volume = "/v", VolumeBytes = 64 << 20, Network = network };
        File.WriteAllBytes(Path.Combine(Paths(name).State, "config.json"), configuration.Write());
        new Premises { VolumeId = default, GatewayImage = "", FirstUser = firstUser }.Write(Paths(name));
    }
}
