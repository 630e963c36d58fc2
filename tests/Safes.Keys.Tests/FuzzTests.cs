using Safes.Fuzzing;

namespace Safes.Keys.Tests;

/// <summary>Every parser of this library against any bytes and damaged ones.</summary>
[Trait("fuzzes", "parsers")]
public sealed class FuzzTests : IDisposable
{
    private readonly Team team = new();

    public void Dispose() => team.Dispose();

    [Fact]
    public void A_damaged_header_is_malformed_and_nothing_worse() => Fuzz.Parser([team.Header()], bytes => Malformed(() =>
    {
        var header = Header.Parse(bytes);
        header.OpenTable(team.Server);
    }));

    [Fact]
    public void A_table_that_is_accepted_is_the_one_encoding_of_itself() => Fuzz.Parser(
        [team.Table().Encode(), (team.Table() with { Devices = [] }).Encode(), (team.Table() with { Devices = [new DeviceBoxes(team.Device, null, new byte[VolumeKeyBox.Size])] }).Encode()],
        bytes => Malformed(() => Assert.Equal(bytes, HeaderTable.Decode(bytes).Encode())));

    [Fact]
    public void A_damaged_marker_is_none()
    {
        using var keys = VolumeKeys.Derive(team.Vmk);
        byte[] right = Marker.Write(keys.Marker, team.Safe, 300);
        Fuzz.Parser([right], bytes => Assert.True(Marker.Read(keys.Marker, team.Safe, bytes) is null || bytes.AsSpan().SequenceEqual(right)));
    }

    [Fact]
    public void A_damaged_box_opens_nothing()
    {
        byte[] password = PasswordBox.Seal(team.Ck, team.Seed, team.Safe, team.Member, team.Device, team.PublicKey), pk = team.PublicKey;
        byte[] volume = VolumeKeyBox.Seal(pk, team.Vmk, team.Safe, team.Device, 1), sent = OneTimeSeal.Seal(pk, team.Ck, [1]), roster = RosterBox.Seal(team.Server, team.Safe, 1, [1, 2, 3]);
        Fuzz.Parser([password, volume, sent, roster], bytes =>
        {
            using var seed = PasswordBox.Open(team.Ck, bytes, team.Safe, team.Member, team.Device, pk);
            using var vmk = VolumeKeyBox.Open(team.Seed, bytes, team.Safe, team.Device, 1);
            using var ck = OneTimeSeal.Open(team.Seed, bytes, [1], 32);
            bool opened = seed is not null || vmk is not null || ck is not null || RosterBox.Open(team.Server, team.Safe, 1, bytes) is not null;
            Assert.Equal(new[] { password, volume, sent, roster }.Any(b => b.AsSpan().SequenceEqual(bytes)), opened);
        });
    }

    [Fact]
    public void A_damaged_public_key_is_malformed_or_sealed_to()
    {
        byte[] ct = new byte[KemKeyPair.CiphertextSize];
        Fuzz.Parser([team.PublicKey], bytes => Malformed(() => KemKeyPair.Encapsulate(bytes, ct).Dispose()));
    }

    [Fact]
    public void Whatever_is_typed_is_a_password_or_refused_as_one() => Fuzz.Parser(["p\u00e4ssw\u00f6rd \uFDFA \U0001F512"u8.ToArray()], bytes =>
    {
        if (bytes.Length == 0)
        {
            return;
        }

        using var typed = Secret.Of(bytes);
        try
        {
            PasswordText.Normalise(typed).Dispose();
        }
        catch (PasswordException)
        {
        }
    });

    [Fact]
    public void An_id_in_hexadecimal_digits_is_one_or_malformed() => Fuzz.Parser(
        ["000102030405060708090a0b0c0d0e0f"u8.ToArray()], bytes => Malformed(() =>
        {
            string text = System.Text.Encoding.Latin1.GetString(bytes);
            Assert.Equal(text, SafeId.Parse(text).ToString(), ignoreCase: true);
        }));

    private static void Malformed(Action parse)
    {
        try
        {
            parse();
        }
        catch (MalformedException)
        {
        }
    }
}
