using System.Net;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Keys;

namespace Safes.Client.Tests;

public class Tunnels
{
    private static readonly TunnelSettings Settings = new(
        "sf0123456789ab", IPAddress.Parse("10.77.16.3"), IPAddress.Parse("10.77.16.0"), 20, new byte[32], "safe.example.org:51820");

    [Fact]
    public void An_interface_s_name_is_short_enough_and_differs_by_device_and_by_safe()
    {
        byte[] safe = new byte[32], other = [.. safe.Select(_ => (byte)1)], device = new byte[16], another = [.. device.Select(_ => (byte)1)];
        string[] names = [TunnelSettings.InterfaceName(safe, device), TunnelSettings.InterfaceName(safe, another), TunnelSettings.InterfaceName(other, device)];
        Assert.All(names, n => Assert.InRange(n.Length, 1, 15));
        Assert.Equal(3, names.Distinct().Count());
    }

    [Fact]
    public void The_configuration_for_other_programs_routes_the_safe_s_own_prefix_and_nothing_else()
    {
        using var key = WireGuardKey.New();
        using var text = WireGuardText.ForWgQuick(Settings, key);
        using var bytes = text.Borrow();
        string written = System.Text.Encoding.ASCII.GetString(bytes.Span);
        string secret = written.Split('\n').Single(l => l.StartsWith("PrivateKey = ", StringComparison.Ordinal))["PrivateKey = ".Length..];
        using var read = Secrets.SecretBuffer.Take(Convert.FromBase64String(secret));
        Assert.True(read.ContentEquals(key));
        Assert.Equal(
            $$"""
            # One device's way to one safe. The private key is this device's: give this file to nobody.
            # wg-quick calls the interface as the file: NAME.conf with at most 15 of a-z, A-Z, 0-9 and _ = + . -
            # wg-quick runs the lines PreUp, PostUp and PostDown: with them nothing comes out of the tunnel that this computer did not begin.
            # NetworkManager and the WireGuard applications run none of them. There, once: with firewalld
            #   nmcli connection modify NAME connection.zone drop
            # and without it, in /etc/nftables.conf (systemctl enable --now nftables):
            #   table inet safes_by_address { chain from_tunnel { type filter hook prerouting priority mangle; ip saddr != { 10.77.16.1, 10.77.17.0/24 } accept;
            #     ct state established ct direction reply accept; ct state related meta l4proto icmp accept; drop; }; }
            [Interface]
            PrivateKey = {{secret}}
            Address = 10.77.16.3/32
            MTU = 1200
            PreUp = nft 'add table inet safes_%i; delete table inet safes_%i; table inet safes_%i { chain from_tunnel { type filter hook prerouting priority mangle; policy accept; iifname != "%i" accept; ct state established ct direction reply accept; ct state related meta l4proto { icmp, ipv6-icmp } accept; counter drop; }; }'
            PostUp = ip link set dev %i alias 'safes: lets nothing in that was not begun here'
            PostDown = nft delete table inet safes_%i
            [Peer]
            PublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
            Endpoint = safe.example.org:51820
            AllowedIPs = 10.77.16.1/32, 10.77.17.0/24
            PersistentKeepalive = 25

            """,
            written);
    }

    [Fact]
    public void The_control_port_is_the_gateway_s_tunnel_address() => Assert.Equal("10.77.16.1:7788", Settings.Control.ToString());

    [Theory(Timeout = 20_000)]
    [InlineData("192.0.2.1:51820", "192.0.2.1:51820")]
    [InlineData("[2001:db8::1]:51820", "[2001:db8::1]:51820")]
    [InlineData("localhost:51820", "127.0.0.1:51820")]
    public async Task An_endpoint_is_an_address_or_a_name(string endpoint, string resolved) =>
        Assert.Equal(resolved, (await Endpoints.ResolveAsync(endpoint, TestContext.Current.CancellationToken))[0].ToString());

    [Theory(Timeout = 20_000)]
    [InlineData("no-port")]
    [InlineData("host:0")]
    public async Task An_endpoint_without_a_port_is_damage(string endpoint) => Assert.Equal(
        FaultCodes.DamagedFile,
        (await Assert.ThrowsAsync<FaultException>(() => Endpoints.ResolveAsync(endpoint, TestContext.Current.CancellationToken))).Code);
}
