using System.Net;
using CsCheck;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Roster.Tests;

public sealed class FileTests : IDisposable
{
    private readonly DeviceKeys keys = DeviceKeys.Generate("Anna Bő", "anna-laptop");

    private static readonly AddressFile Address = new(
        "ledger", "safe.example.org:51820", [.. Enumerable.Repeat((byte)1, 32)], [.. Enumerable.Repeat((byte)2, 32)], [.. Enumerable.Repeat((byte)3, 16)],
        IPNetwork.Parse("10.77.16.0/20"), DeviceId.Parse("000102030405060708090a0b0c0d0e0f"), IPAddress.Parse("10.77.16.2"), null, null, 0);

    public void Dispose() => keys.Dispose();

    [Fact]
    public void An_id_reads_as_it_was_written()
    {
        var id = keys.CreateId();
        string text = id.Write();
        Assert.InRange(text.Length, 1500, 2500);
        var read = IdFile.Parse("\r\n" + text.Replace("\n", "\r\n", StringComparison.Ordinal) + "\n");
        Assert.Equal(id.Fingerprint, read.Fingerprint);
        Assert.Matches("^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$", id.Fingerprint);
        Assert.Equal(("Anna Bő", "anna-laptop", keys.Member, keys.Device), (read.Identity.MemberName, read.Identity.DeviceName, read.Identity.Member, read.Identity.Device));
        Assert.Equal(KemKeyPair.PublicKey(keys.FirstSeed!), read.Identity.KemKey);
    }

    [Fact]
    public void An_id_with_any_character_changed_is_damaged()
    {
        string text = keys.CreateId().Write();
        Gen.Select(Gen.Int[0, text.Length - 2], Gen.Char).Where((at, c) => !char.IsWhiteSpace(c) && !char.IsWhiteSpace(text[at]) && text[at] != c)
            .Sample((at, c) => FlawOf(() => IdFile.Parse(text[..at] + c + text[(at + 1)..])) == Flaw.Damaged, iter: 2000);
        Gen.Int[0, text.Length - 2].Sample(n => FlawOf(() => IdFile.Parse(text[..n])) == Flaw.Damaged, iter: 300);
    }

    [Fact]
    public void An_id_that_its_device_has_not_signed_is_damaged()
    {
        using var other = DeviceKeys.Generate("mallory", "m");
        Assert.Throws<MalformedException>(() => IdFile.Create(keys.CreateId().Identity, other.Signing));
    }

    [Fact]
    public void An_address_reads_as_it_was_written()
    {
        var read = AddressFile.Parse(Address.Write());
        Assert.Equal(Address.Fingerprint, read.Fingerprint);
        Assert.Equal((Address.Name, Address.Endpoint, Address.Network, Address.DeviceAddress, null), (read.Name, read.Endpoint, read.Network, read.DeviceAddress, read.Safe));
        Assert.Equal("10.77.16.1", read.Gateway.ToString());
        Assert.Equal("10.77.17.10", read.At(256 + 10).ToString());

        var later = AddressFile.Parse((Address with { Safe = new SafeId(4), Head = new byte[64], Entries = 3 }).Write());
        Assert.Equal((new SafeId(4), 3), (later.Safe!.Value, later.Entries));
        Assert.NotEqual(read.Fingerprint, later.Fingerprint);
    }

    [Fact]
    public void An_address_that_makes_no_sense_is_damaged()
    {
        foreach (var wrong in new[]
        {
            Address with { Safe = new SafeId(1) }, Address with { Head = new byte[64] }, Address with { Entries = 1 }, Address with { Endpoint = "nowhere" },
            Address with { Endpoint = "-x:1" }, Address with { Endpoint = "a b:1" }, Address with { DeviceAddress = IPAddress.Parse("10.78.0.1") },
            Address with { Network = IPNetwork.Parse("10.77.16.0/21") }, Address with { Name = "a\u202eb" },
        })
        {
            Assert.Equal(Flaw.Damaged, FlawOf(() => AddressFile.Parse(wrong.Write())));
        }
    }

    [Fact]
    public void One_kind_of_file_given_for_the_other_is_named()
    {
        var refused = Assert.Throws<MalformedException>(() => IdFile.Parse(Address.Write()));
        Assert.Contains("this is SAFE ADDRESS", refused.What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("safes/2/id", Flaw.OtherVersion)]
    [InlineData("safes/x/id", Flaw.Damaged)]
    [InlineData("safes/1/address", Flaw.Damaged)]
    public void Another_version_is_told_from_damage(string label, Flaw flaw)
    {
        byte[] body = CanonicalCbor.Encode(label, "later fields");
        Assert.Equal(flaw, FlawOf(() => IdFile.Parse(Armour.Write("SAFE ID", CanonicalCbor.Encode(body, new byte[64])))));
    }

    [Fact]
    public void No_text_crashes_the_parsers()
    {
        Gen.String[0, 300].Sample(t => FlawOf(() => IdFile.Parse(t)) is not null && FlawOf(() => AddressFile.Parse(t)) is not null, iter: 2000);
        Gen.Byte.Array[1, 300].Sample(
            b => FlawOf(() => IdFile.Parse(Armour.Write("SAFE ID", b))) is not null && FlawOf(() => AddressFile.Parse(Armour.Write("SAFE ADDRESS", b))) is not null, iter: 3000);
    }

    [Fact]
    public void The_keys_of_a_device_read_as_they_were_written()
    {
        using var file = keys.Serialise();
        using var read = DeviceKeys.Parse(file);
        Assert.Equal(keys.CreateId().Write(), read.CreateId().Write());
        Assert.Equal((keys.Cost, keys.MemberName), (read.Cost, read.MemberName));
        using var certificate = read.CreateCertificate();
        Assert.True(certificate.HasPrivateKey);
        Assert.Equal(keys.CreateId().Identity.TlsPin, TlsIdentity.Pin(certificate));
        using var password = SecretBuffer.Take("x"u8.ToArray());
        using var mine = keys.DeriveKey(password, new SafeId(1));
        using var same = read.DeriveKey(password, new SafeId(1));
        Assert.True(mine.ContentEquals(same));

        read.ForgetFirstSeed();
        using var later = read.Serialise();
        using var joined = DeviceKeys.Parse(later);
        Assert.Null(joined.FirstSeed);
        Assert.Throws<InvalidOperationException>(() => joined.CreateId());
    }

    [Fact]
    public void Keys_of_a_device_with_any_bit_flipped_are_refused()
    {
        using var file = keys.Serialise();
        byte[] bytes = Reveal(file);
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] flipped = [.. bytes];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            using var changed = SecretBuffer.Take(flipped);
            Assert.NotNull(FlawOf(() => DeviceKeys.Parse(changed).Dispose()));
        }

        Gen.Byte.Array[1, 400].Sample(b =>
        {
            using var any = SecretBuffer.Take(b);
            return FlawOf(() => DeviceKeys.Parse(any)) == Flaw.Damaged;
        }, iter: 500);
    }

    [Fact]
    public void Golden_files_still_open()
    {
        string golden = Path.Combine(AppContext.BaseDirectory, "Golden");
        var id = IdFile.Parse(File.ReadAllText(Path.Combine(golden, "id-1.safeid")));
        Assert.Equal("anna", id.Identity.MemberName);
        var address = AddressFile.Parse(File.ReadAllText(Path.Combine(golden, "address-1.safeaddress")));
        var chain = File.ReadAllLines(Path.Combine(golden, "roster-1.hex")).Select(l => new ReadOnlyMemory<byte>(Convert.FromHexString(l)));
        var roster = SafeRoster.Replay(chain);
        Assert.Equal(["anna", "carol"], roster.Members.Select(m => m.Name));
        roster.CheckContinues(new RosterPosition(address.Head!, address.Entries));
        Assert.Equal(roster.Safe, address.Safe);
        using var file = SecretBuffer.Take(File.ReadAllBytes(Path.Combine(golden, "device-1.keys")));
        using var device = DeviceKeys.Parse(file);
        Assert.Equal(id.Write(), device.CreateId().Write());
        Assert.Equal<string[]>(File.ReadAllLines(Path.Combine(golden, "fingerprints-1.txt")), [id.Fingerprint, address.Fingerprint]);
    }

    [Fact(Explicit = true)]
    public void Write()
    {
        string to = Environment.GetEnvironmentVariable("SAFES_GOLDEN") ?? throw new InvalidOperationException("SAFES_GOLDEN names the directory");
        using var team = new Team();
        var bob = team.Add("bob");
        team.Join(bob);
        var carol = team.Add("carol", owner: true);
        var address = Address with { Safe = team.Roster.Safe, Head = team.Roster.Head.ToArray(), Entries = team.Roster.Count };
        team.Remove(bob);
        team.Join(carol);
        var id = team.Owner.CreateId();
        using var file = team.Owner.Serialise();
        File.WriteAllText(Path.Combine(to, "id-1.safeid"), id.Write());
        File.WriteAllText(Path.Combine(to, "address-1.safeaddress"), address.Write());
        File.WriteAllLines(Path.Combine(to, "roster-1.hex"), team.Chain().Select(e => Convert.ToHexStringLower(e.Span)));
        File.WriteAllBytes(Path.Combine(to, "device-1.keys"), Reveal(file));
        File.WriteAllLines(Path.Combine(to, "fingerprints-1.txt"), [id.Fingerprint, address.Fingerprint]);
    }

    private static byte[] Reveal(SecretBuffer secret)
    {
        using var lease = secret.Borrow();
        return lease.Span.ToArray();
    }

    private static Flaw? FlawOf(Action parse)
    {
        try
        {
            parse();
            return null;
        }
        catch (MalformedException e)
        {
            return e.Flaw;
        }
    }
}
