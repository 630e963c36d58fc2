using Safes.Secrets;

namespace Safes.Keys.Tests;

/// <summary>Claim 7: password, device secret and server secret are all needed.</summary>
public class FactorTests
{
    private const string Password = "three of three";

    [Fact]
    public void No_proper_subset_of_password_device_secret_and_server_secret_opens()
    {
        using var team = new Team();
        byte[] salt = new byte[32];
        using var device = SecretBuffer.Random(32);
        using var ck = Derive(Password, device, salt, team);
        byte[] box = PasswordBox.Seal(ck, team.Seed, team.Safe, team.Member, team.Device, team.PublicKey);
        byte[] header = Header.Write(team.Safe, 1, 1,
            team.Table() with { Devices = [team.Table().Devices[0] with { PasswordBox = box }] }, team.Server, team.Vmk);

        using var otherDevice = SecretBuffer.Random(32);
        using var otherServer = SecretBuffer.Random(32);
        foreach (bool hasPassword in new[] { true, false })
        {
            foreach (bool hasDevice in new[] { true, false })
            {
                using var tried = Derive(hasPassword ? Password : "a guess", hasDevice ? device : otherDevice, salt, team);
                foreach (bool hasServer in new[] { true, false })
                {
                    Assert.Equal(hasPassword && hasDevice && hasServer, Opens(team, header, tried, hasServer ? team.Server : otherServer));
                }
            }
        }
    }

    [Fact]
    public void A_box_opens_for_its_own_safe_member_device_and_key_only()
    {
        using var team = new Team();
        byte[] box = PasswordBox.Seal(team.Ck, team.Seed, team.Safe, team.Member, team.Device, team.PublicKey);
        using var seed = PasswordBox.Open(team.Ck, box, team.Safe, team.Member, team.Device, team.PublicKey);
        Assert.True(seed!.ContentEquals(team.Seed));
        using var another = KemKeyPair.NewSeed();
        Assert.Null(PasswordBox.Open(team.Ck, box, new SafeId(1), team.Member, team.Device, team.PublicKey));
        Assert.Null(PasswordBox.Open(team.Ck, box, team.Safe, MemberId.Random(), team.Device, team.PublicKey));
        Assert.Null(PasswordBox.Open(team.Ck, box, team.Safe, team.Member, DeviceId.Random(), team.PublicKey));
        Assert.Null(PasswordBox.Open(team.Ck, box, team.Safe, team.Member, team.Device, KemKeyPair.PublicKey(another)));
        Assert.Null(PasswordBox.Open(team.Vmk, box, team.Safe, team.Member, team.Device, team.PublicKey));

        byte[] vmkBox = VolumeKeyBox.Seal(team.PublicKey, team.Vmk, team.Safe, team.Device, 4);
        using var vmk = VolumeKeyBox.Open(team.Seed, vmkBox, team.Safe, team.Device, 4);
        Assert.True(vmk!.ContentEquals(team.Vmk));
        Assert.Null(VolumeKeyBox.Open(team.Seed, vmkBox, team.Safe, team.Device, 5));
        Assert.Null(VolumeKeyBox.Open(team.Seed, vmkBox, new SafeId(1), team.Device, 4));
        Assert.Null(VolumeKeyBox.Open(team.Seed, vmkBox, team.Safe, DeviceId.Random(), 4));
        Assert.Null(VolumeKeyBox.Open(another, vmkBox, team.Safe, team.Device, 4));
    }

    [Fact]
    public void A_sealed_secret_opens_for_its_own_key_and_purpose_only()
    {
        using var team = new Team();
        using var oneTime = KemKeyPair.NewSeed();
        byte[] otpk = KemKeyPair.PublicKey(oneTime);
        byte[] Aad(Purpose purpose, ulong generation, byte request) =>
            OpenAad.Encode(purpose, team.Safe, team.Device, new byte[32], new byte[32], otpk, new byte[64], generation, [request]);
        byte[] box = OneTimeSeal.Seal(otpk, team.Ck, Aad(Purpose.Open, 1, 0));
        using var ck = OneTimeSeal.Open(oneTime, box, Aad(Purpose.Open, 1, 0), 32);
        Assert.True(ck!.ContentEquals(team.Ck));
        Assert.Null(OneTimeSeal.Open(oneTime, box, Aad(Purpose.ChangeRoster, 1, 0), 32));
        Assert.Null(OneTimeSeal.Open(oneTime, box, Aad(Purpose.Open, 2, 0), 32));
        Assert.Null(OneTimeSeal.Open(oneTime, box, Aad(Purpose.Open, 1, 1), 32));
        Assert.Null(OneTimeSeal.Open(oneTime, box, Aad(Purpose.Open, 1, 0), 31));
        using var another = KemKeyPair.NewSeed();
        Assert.Null(OneTimeSeal.Open(another, box, Aad(Purpose.Open, 1, 0), 32));
    }

    [Fact]
    public void A_marker_speaks_for_its_own_safe_and_key_only()
    {
        using var team = new Team();
        using var keys = VolumeKeys.Derive(team.Vmk);
        byte[] marker = Marker.Write(keys.Marker, team.Safe, 9);
        Assert.Equal(9UL, Marker.Read(keys.Marker, team.Safe, marker));
        Assert.Null(Marker.Read(keys.Marker, new SafeId(1), marker));
        Assert.Null(Marker.Read(keys.Header, team.Safe, marker));
        for (int bit = 0; bit < marker.Length * 8; bit++)
        {
            byte[] flipped = [.. marker];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(Marker.Read(keys.Marker, team.Safe, flipped));
        }
    }

    [Fact]
    public void A_cost_below_the_floor_does_not_exist()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Argon2Parameters(64 * 1024 - 1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Argon2Parameters(64 * 1024, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Argon2Parameters(int.MaxValue, 3));
    }

    private static SecretBuffer Derive(string password, SecretBuffer device, byte[] salt, Team team)
    {
        using var typed = Secret.Of(password);
        return PasswordKey.Derive(typed, new DeviceSecret(device, salt), team.Safe, team.Member, team.Device, Argon2Parameters.Floor);
    }

    private static bool Opens(Team team, byte[] header, SecretBuffer ck, SecretBuffer server)
    {
        try
        {
            using var vmk = team.Open(header, ck, server);
            return vmk is not null;
        }
        catch (MalformedException)
        {
            return false;
        }
    }
}
