using CsCheck;

namespace Safes.Keys.Tests;

public sealed class HeaderTests : IDisposable
{
    private readonly Team team = new();

    public void Dispose() => team.Dispose();

    [Fact]
    public void What_was_written_opens()
    {
        byte[] header = team.Header();
        using var vmk = team.Open(header, team.Ck, team.Server);
        Assert.True(vmk!.ContentEquals(team.Vmk));
        var parsed = Header.Parse(header);
        Assert.Equal((team.Safe, 1UL, 1u, 0), (parsed.Safe, parsed.Generation, parsed.Epoch, parsed.Recovery.Length));
    }

    [Fact]
    public void Every_single_bit_flip_is_refused()
    {
        byte[] header = team.Header();
        int accepted = 0;
        Parallel.For(0, header.Length * 8, bit =>
        {
            byte[] flipped = [.. header];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            if (Opens(flipped))
            {
                Interlocked.Increment(ref accepted);
            }
        });
        Assert.Equal(0, accepted);
        Assert.True(Opens(header));
    }

    [Fact]
    public void Every_truncation_and_anything_behind_is_refused()
    {
        byte[] header = team.Header();
        for (int n = 0; n < header.Length; n++)
        {
            Assert.False(Opens(header.AsSpan(0, n)));
        }

        Assert.False(Opens([.. header, 0]));
    }

    [Fact]
    public void An_unknown_version_is_named_as_such()
    {
        byte[] header = team.Header();
        header[9] = 2;
        Assert.Equal(Flaw.OtherVersion, Assert.Throws<MalformedException>(() => Header.Parse(header)).Flaw);
    }

    [Fact]
    public void An_unknown_cipher_of_the_volume_is_refused_whoever_wrote_it()
    {
        // The table as a holder of all keys would write it, with AES-128-CBC for contents.
        byte[] table = team.Table().Encode();
        int at = table.AsSpan().IndexOf("fscrypt"u8) + 7;
        Assert.Equal(1, table[at]);
        table[at] = 5;
        Assert.Equal(Flaw.OtherVersion, Assert.Throws<MalformedException>(() => HeaderTable.Decode(table)).Flaw);
        table[at] = 0;
        Assert.Throws<MalformedException>(() => HeaderTable.Decode(table));
    }

    [Fact]
    public void The_recovery_box_is_kept_and_authenticated()
    {
        byte[] header = Header.Write(team.Safe, 7, 3, team.Table(), team.Server, team.Vmk, [1, 2, 3]);
        var parsed = Header.Parse(header);
        Assert.Equal([1, 2, 3], parsed.Recovery.ToArray());
        Assert.True(parsed.Verify(team.Vmk));
        header[41] ^= 1;
        Assert.False(Header.Parse(header).Verify(team.Vmk));
        Assert.Throws<MalformedException>(() => Header.Parse(header).OpenTable(team.Server));
    }

    [Fact]
    public void No_bytes_crash_the_parsers()
    {
        byte[] header = team.Header();
        byte[] table = team.Table().Encode();
        Gen.Byte.Array[0, 400].Sample(bytes => Refused(() => Header.Parse(bytes)) && Refused(() => HeaderTable.Decode(bytes)), iter: 2000);
        Mutation(header).Sample(bytes => !Opens(bytes), iter: 500);
        Mutation(table).Sample(bytes => Tolerated(() => HeaderTable.Decode(bytes)), iter: 5000);
    }

    private static Gen<byte[]> Mutation(byte[] of) => Gen.Select(Gen.Int[0, of.Length - 1], Gen.Byte[1, 255], Gen.Int[0, 20], Gen.Byte.Array[0, 8]).Select((at, x, cut, put) =>
    {
        byte[] changed = [.. of];
        changed[at] ^= x;
        return (byte[])[.. changed[..at], .. put, .. changed[Math.Min(at + cut, changed.Length)..]];
    }).Where(b => !b.AsSpan().SequenceEqual(of));

    private static bool Refused(Action parse)
    {
        try
        {
            parse();
            return false;
        }
        catch (MalformedException)
        {
            return true;
        }
    }

    private static bool Tolerated(Action parse) => Refused(parse) || true;

    private bool Opens(ReadOnlySpan<byte> header)
    {
        try
        {
            using var vmk = team.Open(header, team.Ck, team.Server);
            return vmk is not null;
        }
        catch (MalformedException)
        {
            return false;
        }
    }
}
