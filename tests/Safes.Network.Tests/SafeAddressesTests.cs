using System.Net;

namespace Safes.Network.Tests;

public class SafeAddressesTests
{
    [Fact]
    public void All_addresses_follow_from_the_network()
    {
        var a = SafeAddresses.Parse("10.83.16.0/20");
        Assert.Equal("10.83.16.1", a.TunnelGateway.ToString());
        Assert.Equal("10.83.16.2", a.Device(0).ToString());
        Assert.Equal("10.83.17.1", a.InsideGateway.ToString());
        Assert.Equal("10.83.17.10", a.Host(10).ToString());
        Assert.Equal("10.83.18.1", a.ControlHypervisor.ToString());
        Assert.Equal("10.83.18.2", a.ControlGateway.ToString());
        Assert.Equal("10.83.19.1", a.UplinkRouter.ToString());
        Assert.Equal("10.83.19.2", a.UplinkGateway.ToString());
        Assert.Equal("10.83.16.0/20", a.ToString());
    }

    [Theory]
    [InlineData("10.83.17.0/20")]
    [InlineData("10.83.16.1/20")]
    [InlineData("192.168.0.0/20")]
    [InlineData("10.83.16.0/24")]
    [InlineData("10.83.16.0")]
    [InlineData("10.83.16/20")]
    [InlineData("")]
    public void What_is_no_network_of_a_safe_is_refused(string text) => Assert.Throws<FormatException>(() => SafeAddresses.Parse(text));

    [Fact]
    public void A_random_network_reads_back()
    {
        for (int i = 0; i < 1000; i++)
        {
            var random = SafeAddresses.Random();
            Assert.Equal(random, SafeAddresses.Parse(random.Prefix));
        }
    }

    [Fact]
    public void Devices_and_hosts_stay_in_their_networks()
    {
        var a = SafeAddresses.Parse("10.83.16.0/20");
        Assert.Equal(IPAddress.Parse("10.83.16.254"), a.Device(252));
        Assert.Throws<ArgumentOutOfRangeException>(() => a.Device(253));
        Assert.Throws<ArgumentOutOfRangeException>(() => a.Host(9));
        Assert.Throws<ArgumentOutOfRangeException>(() => a.Host(255));
    }
}
