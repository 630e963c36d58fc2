using System.Net;
using System.Net.Sockets;
using Safes.Client.Connection;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Keys;

namespace Safes.Client.Tests;

public sealed class ConnectionCauses : IDisposable
{
    private readonly TestDevice device = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 30_000)]
    public async Task A_device_of_the_roster_is_answered()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        using var server = TestDevice.ServerOf(fake, profile);
        Assert.True((await server.HelloAsync(Stop)).Joined);
    }

    [Fact(Timeout = 30_000)]
    public async Task Another_key_than_the_pinned_one_is_a_wrong_server()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        using var server = TestDevice.ServerOf(fake, profile.Address with { ServerPin = new byte[32] }, profile.Keys);
        Assert.Equal(FaultCodes.WrongServer, await FaultOf(server));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_device_that_is_not_in_the_roster_is_unknown()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        using var other = new TestDevice();
        other.Own(fake.Safe, "mallory").Dispose();
        using var server = TestDevice.ServerOf(fake, profile);
        Assert.Equal(FaultCodes.UnknownDevice, await FaultOf(server));
    }

    [Fact(Timeout = 30_000)]
    public async Task Nobody_who_listens_is_no_server()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        using var server = new Server(profile.Address, profile.Keys, _ => throw new FaultException(FaultCodes.NoServer, ("why", "Connection refused")));
        Assert.Equal(FaultCodes.NoServer, await FaultOf(server));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_connection_that_is_closed_at_once_is_no_server()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _ = Task.Run(async () => (await listener.AcceptSocketAsync(Stop)).Dispose(), Stop);
        using var keys = Roster.DeviceKeys.Generate("anna", "laptop");
        var tls = new PinnedTls(keys.CreateCertificate(), new byte[32]);
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Stop);
        var fault = await Assert.ThrowsAsync<FaultException>(() => tls.HandshakeAsync(client.GetStream(), Stop));
        Assert.Equal(FaultCodes.NoServer, fault.Code);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_server_whose_clock_is_far_off_is_named_as_such()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        fake.Safe.ClockOff = TimeSpan.FromHours(-30);
        using var server = TestDevice.ServerOf(fake, profile);
        Assert.Equal(FaultCodes.ClockWrong, await FaultOf(server));
    }

    [Theory(Timeout = 30_000)]
    [InlineData(false, false)]    // from before the inside was a part of its own: neither the key of it can be asked for nor its calls made
    [InlineData(false, true)]
    [InlineData(true, true)]      // it knows another name of the inside: its own part answers
    public async Task A_server_that_knows_another_inside_is_of_another_version_and_not_a_wrong_one(bool told, bool key)
    {
        await using var fake = await FakeServer.StartAsync(inside: told);
        using var profile = device.Own(fake.Safe);
        using var server = TestDevice.ServerOf(fake, profile);
        fake.Safe.InsidePin = !key ? Google.Protobuf.ByteString.Empty : told ? Google.Protobuf.ByteString.CopyFrom(new byte[32]) : null;
        foreach (byte[] known in (byte[][])[[], [.. Enumerable.Repeat((byte)7, 32)]])
        {
            server.InsidePin = Google.Protobuf.ByteString.CopyFrom(known);
            var fault = await Assert.ThrowsAsync<FaultException>(() => server.Inside.CallAsync(
                (c, o) => c.GetStatusAsync(new Contracts.V1.StatusRequest(), o), Server.CallLimit, Stop));
            Assert.Equal(FaultCodes.OtherVersion, fault.Code);
            Assert.Equal("server", fault.Details["between"]);
            server.ReconnectInside();
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task Neither_the_inside_s_key_nor_the_server_s_own_is_a_wrong_server()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        using var certificate = profile.Keys.CreateCertificate();
        var tls = new PinnedTls(certificate, new byte[32]) { Resident = new byte[32] };
        var fault = await Assert.ThrowsAsync<FaultException>(async () => await tls.HandshakeAsync(await fake.ConnectAsync(Stop), Stop));
        Assert.Equal(FaultCodes.WrongServer, fault.Code);
        await Assert.ThrowsAsync<FaultException>(async () => await new PinnedTls(certificate, new byte[32]).HandshakeAsync(await fake.ConnectAsync(Stop), Stop));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_certificate_is_pinned_by_its_key_alone()
    {
        using var keys = Roster.DeviceKeys.Generate("anna", "laptop");
        using var one = keys.CreateCertificate();
        using var two = keys.CreateCertificate();
        await Task.CompletedTask;
        Assert.NotEqual(one.Thumbprint, two.Thumbprint);
        Assert.Equal(TlsIdentity.Pin(one), TlsIdentity.Pin(two));
    }

    public void Dispose() => device.Dispose();

    private static async Task<FaultCode> FaultOf(Server server) => (await Assert.ThrowsAsync<FaultException>(() => server.HelloAsync(Stop))).Code;
}
