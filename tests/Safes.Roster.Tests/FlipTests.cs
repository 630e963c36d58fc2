using System.Text;
using Safes.Keys;

namespace Safes.Roster.Tests;

/// <summary>Not samples: every bit and every length.</summary>
public sealed class FlipTests : IDisposable
{
    private readonly Team team = new();

    public void Dispose() => team.Dispose();

    [Fact]
    public void Every_single_bit_flip_of_every_kind_of_entry_is_refused()
    {
        var bob = team.Add("bob");
        team.Join(bob);
        team.Remove(bob);
        var chain = team.Chain();
        Assert.Equal(4, chain.Select(e => RosterEntry.Parse(e).GetType()).Distinct().Count());
        for (int i = 0; i < chain.Length; i++)
        {
            var before = i == 0 ? null : SafeRoster.Replay(chain[..i]);
            byte[] entry = chain[i].ToArray();
            Assert.True(Accepted(before, entry));
            Parallel.For(0, entry.Length * 8, bit => Assert.False(Accepted(before, Flip(entry, bit)), $"entry {before?.Count ?? 0}, bit {bit}"));
            Parallel.For(0, entry.Length, n => Assert.False(Accepted(before, entry[..n])));
            Assert.False(Accepted(before, [.. entry, 0]));
        }
    }

    [Fact]
    public void Every_single_bit_flip_of_an_id_s_text_or_content_is_refused_or_the_same_id()
    {
        var id = team.Owner.CreateId();
        string text = id.Write();
        EveryChange(Encoding.Latin1.GetBytes(text), b => IdFile.Parse(Encoding.Latin1.GetString(b)).Write(), text);
        byte[] content = Armour.Read("SAFE ID", text);
        // With the checksum made anew it is the signature that refuses.
        int accepted = 0;
        Parallel.For(0, content.Length * 8, bit =>
        {
            if (Read(() => IdFile.Parse(Armour.Write("SAFE ID", Flip(content, bit))).Write()) is not null)
            {
                Interlocked.Increment(ref accepted);
            }
        });
        Assert.Equal(0, accepted);
    }

    [Fact]
    public void Every_single_bit_flip_of_an_address_s_text_is_refused_or_the_same_address_and_of_its_content_another_fingerprint()
    {
        string text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "address-1.safeaddress"));
        EveryChange(Encoding.Latin1.GetBytes(text), b => AddressFile.Parse(Encoding.Latin1.GetString(b)).Write(), text);
        byte[] content = Armour.Read("SAFE ADDRESS", text);
        string fingerprint = AddressFile.Parse(text).Fingerprint;
        for (int bit = 0; bit < content.Length * 8; bit++)
        {
            Assert.NotEqual(fingerprint, Read(() => AddressFile.Parse(Armour.Write("SAFE ADDRESS", Flip(content, bit))).Fingerprint));
        }
    }

    private static void EveryChange(byte[] text, Func<byte[], string> parse, string same)
    {
        Assert.Equal(same, Read(() => parse(text)));
        Parallel.For(0, text.Length * 8, bit => Assert.True(Read(() => parse(Flip(text, bit))) is var r && (r is null || r == same), $"bit {bit}"));
        Parallel.For(0, text.Length, n => Assert.True(Read(() => parse(text[..n])) is var r && (r is null || r == same), $"length {n}"));
    }

    private static bool Accepted(SafeRoster? before, byte[] entry)
    {
        try
        {
            _ = before is null ? SafeRoster.Replay([entry]) : before.Extend([entry]);
            return true;
        }
        catch (RosterException)
        {
            return false;
        }
    }

    private static string? Read(Func<string> parse)
    {
        try
        {
            return parse();
        }
        catch (MalformedException)
        {
            return null;
        }
    }

    private static byte[] Flip(byte[] of, int bit)
    {
        byte[] flipped = [.. of];
        flipped[bit / 8] ^= (byte)(1 << (bit % 8));
        return flipped;
    }
}
