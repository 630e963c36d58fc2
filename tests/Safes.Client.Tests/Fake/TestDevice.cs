using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Tests.Fake;

/// <summary>A device with a directory of its own, enrolled at a fake server without a tunnel between.</summary>
public sealed class TestDevice : IDisposable
{
    private readonly DirectoryInfo home = Directory.CreateTempSubdirectory("safes-client-");

    public TestDevice() => Places = new Places(Path.Combine(home.FullName, "config"));

    public Places Places { get; }

    public List<Report> Told { get; } = [];

    public Steps Steps => new(Told.Add);

    public int Asked { get; private set; }

    /// <summary>An owner whose safe has just been claimed. The cheapest hash keeps the tests short.</summary>
    public SafeProfile Own(FakeSafe safe, string name = "anna")
    {
        var keys = DeviceKeys.Generate(name, "laptop", Argon2Parameters.Floor);
        using var seed = KemKeyPair.NewSeed();
        var genesis = Genesis.Sign(keys.Signing, keys.Identity(seed), safe.ServerPin, safe.GatewayKey, safe.Init, new byte[32]);
        var roster = SafeRoster.Replay([genesis.Bytes]);
        safe.Roster = roster;
        safe.State = State.Closed;
        return SafeProfile.Bind(Places, safe.AddressFor(keys.Device, 0), keys, roster, new Known(1, "", 0, []));
    }

    public static Server ServerOf(FakeServer fake, SafeProfile profile) => ServerOf(fake, profile.Address, profile.Keys);

    public static Server ServerOf(FakeServer fake, AddressFile address, DeviceKeys keys)
    {
        return new Server(address, keys, async stop => await fake.ConnectAsync(stop));
    }

    public Task<SecretBuffer> AskAsync(string password = "correct horse battery")
    {
        Asked++;
        return Task.FromResult(SecretBuffer.Take(System.Text.Encoding.UTF8.GetBytes(password)));
    }

    public void Dispose() => home.Delete(recursive: true);
}
