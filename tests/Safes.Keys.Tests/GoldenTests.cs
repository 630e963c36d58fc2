using System.Text.Json;

namespace Safes.Keys.Tests;

/// <summary>Files written by earlier versions must open for ever. Written once by <see cref="Write"/>, then only read.</summary>
public class GoldenTests
{
    private sealed record Factors(string Password, string Device, string Salt, string Server, string Safe, string Member, string DeviceId, string PublicKey, string Vmk);

    private static string Directory => Path.Combine(AppContext.BaseDirectory, "Golden");

    public static TheoryData<string> Headers => [.. System.IO.Directory.GetFiles(Directory, "*.header").Select(f => Path.GetFileNameWithoutExtension(f)!)];

    [Fact]
    public void There_is_a_golden_file_of_each_version() => Assert.Equal(["header-1"], Headers.Select(h => h.Data));

    [Theory]
    [MemberData(nameof(Headers))]
    public void A_golden_header_opens(string name)
    {
        var f = JsonSerializer.Deserialize<Factors>(File.ReadAllText(Path.Combine(Directory, name + ".json")))!;
        byte[] bytes = File.ReadAllBytes(Path.Combine(Directory, name + ".header"));
        var (safe, member, device) = (SafeId.Parse(f.Safe), MemberId.Parse(f.Member), DeviceId.Parse(f.DeviceId));
        using var password = Secret.Of(f.Password);
        using var secret = Secret.FromHex(f.Device);
        using var server = Secret.FromHex(f.Server);
        using var ck = PasswordKey.Derive(password, new DeviceSecret(secret, Convert.FromHexString(f.Salt)), safe, member, device, Argon2Parameters.Floor);

        var header = Header.Parse(bytes);
        Assert.Equal((safe, 5UL, 2u), (header.Safe, header.Generation, header.Epoch));
        var table = header.OpenTable(server);
        Assert.Equal(4UL, table.OldestMarker);
        var boxes = table.Find(device)!;
        using var seed = PasswordBox.Open(ck, boxes.PasswordBox, safe, member, device, Convert.FromHexString(f.PublicKey));
        using var vmk = VolumeKeyBox.Open(seed!, boxes.VolumeKeyBox, safe, device, header.Epoch);
        Assert.Equal(f.Vmk, Convert.ToHexStringLower(Secret.Reveal(vmk!)));
        Assert.True(header.Verify(vmk!));
    }

    [Fact]
    public void The_derived_keys_of_a_volume_never_change()
    {
        using var vmk = Secret.Of(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray());
        using var keys = VolumeKeys.Derive(vmk);
        // Computed outside this program.
        Assert.Equal(
            "36f6ee18148964450262347ffb372a87297341cea596313012e19bbbcb8e9618832c5a2bf6960d3a8e5e7e300569ef67737876cfd8572b93632edd9d8e1d712a",
            Hex(Secret.Reveal(keys.Volume)));
        Assert.Equal("8ba3c20dbb13c91833ec8c066c85c6861359927abb4423adddb80960c0d46016", Hex(Secret.Reveal(keys.Header)));
        Assert.Equal("34ec72a77a6f2c0bd67e8723219302c1638f521e846564f868a5299b3c7d1564", Hex(Secret.Reveal(keys.Marker)));
    }

    [Fact]
    public void A_fingerprint_never_changes() => Assert.Equal("3X0F-S4PT-4GB9-8X89", Fingerprint.Of("a"u8));

    [Fact]
    public void A_new_master_key_comes_from_both_shares_and_the_safe()
    {
        using var rs = Secret.Of(Enumerable.Repeat((byte)1, 32).ToArray());
        using var rc = Secret.Of(Enumerable.Repeat((byte)2, 32).ToArray());
        using var vmk = VolumeKeys.NewMaster(rs, rc, new SafeId(UInt128.One));
        Assert.Equal("9c86d8029cda157a720be0910f692b2481a1fce2d413ae090556d3ab9b5de13d", Hex(Secret.Reveal(vmk)));
    }

    [Fact(Explicit = true)]
    public void Write()
    {
        using var team = new Team();
        using var device = Secrets.SecretBuffer.Random(32);
        byte[] salt = System.Security.Cryptography.RandomNumberGenerator.GetBytes(32);
        using var password = Secret.Of("p\u00e4ssword of a test");
        using var ck = PasswordKey.Derive(password, new DeviceSecret(device, salt), team.Safe, team.Member, team.Device, Argon2Parameters.Floor);
        byte[] box = PasswordBox.Seal(ck, team.Seed, team.Safe, team.Member, team.Device, team.PublicKey);
        var table = team.Table() with
        {
            OldestMarker = 4,
            Devices = [new DeviceBoxes(team.Device, box, VolumeKeyBox.Seal(team.PublicKey, team.Vmk, team.Safe, team.Device, 2)), new DeviceBoxes(DeviceId.Random(), null, new byte[VolumeKeyBox.Size])],
        };
        string to = Environment.GetEnvironmentVariable("SAFES_GOLDEN") ?? throw new InvalidOperationException("SAFES_GOLDEN names the directory");
        File.WriteAllBytes(Path.Combine(to, "header-1.header"), Header.Write(team.Safe, 5, 2, table, team.Server, team.Vmk));
        File.WriteAllText(Path.Combine(to, "header-1.json"), JsonSerializer.Serialize(new Factors(
            "p\u00e4ssword of a test", Hex(Secret.Reveal(device)), Hex(salt), Hex(Secret.Reveal(team.Server)), team.Safe.ToString(), team.Member.ToString(),
            team.Device.ToString(), Hex(team.PublicKey), Hex(Secret.Reveal(team.Vmk)))) + "\n");
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
