using Safes.Fuzzing;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Roster.Tests;

/// <summary>Every parser of this library. Checksums and signatures are made anew over the damage, so that what lies behind them is reached.</summary>
[Trait("fuzzes", "parsers")]
public sealed class FuzzTests : IDisposable
{
    private readonly Team team = new();

    public void Dispose() => team.Dispose();

    [Fact]
    public void A_chain_of_damaged_entries_is_refused_and_nothing_worse()
    {
        var bob = team.Add("bob");
        team.Join(bob);
        team.Remove(bob);
        var chain = team.Chain();
        Fuzz.Parser([.. chain.Select(e => e.ToArray())], bytes =>
        {
            for (int i = 0; i < chain.Length; i++)
            {
                Refused(() => SafeRoster.Replay([.. chain[..i], bytes]));
            }
        });
    }

    [Fact]
    public void A_damaged_entry_that_its_device_has_signed_is_refused_and_nothing_worse()
    {
        var bob = team.Add("bob");
        byte[][] bodies = [.. new RosterEntry[]
        {
            team.Roster.Genesis, AddMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, team.Person("carol").CreateId().Identity, owner: true),
            RemoveMember.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, bob.Member),
            Rekey.Sign(team.Roster, team.Owner.Device, team.Owner.Signing, KemKeyPair.PublicKey(team.Seed())),
        }.Select(e => e.Link.Body)];
        Fuzz.Parser(bodies, body =>
        {
            byte[] entry = Signed.Write(team.Owner.Signing, body);
            Refused(() =>
            {
                var next = team.Roster.Extend([entry]);
                Assert.Equal(team.Roster.Count + 1, next.Count);
            });
            Refused(() => SafeRoster.Replay([entry]));
        });
    }

    [Fact]
    public void An_id_that_is_accepted_is_the_one_text_of_itself()
    {
        var keys = team.Owner;
        byte[] content = Armour.Read("SAFE ID", keys.CreateId().Write());
        var (body, _) = Signed.Read(content, "id");
        Fuzz.Parser([content], bytes => Same("SAFE ID", bytes, t => IdFile.Parse(t).Write()));
        Fuzz.Parser([body], bytes => Same("SAFE ID", Signed.Write(keys.Signing, bytes), t => IdFile.Parse(t).Write()));
    }

    [Fact]
    public void An_address_that_is_accepted_is_the_one_text_of_itself()
    {
        string golden = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "address-1.safeaddress"));
        Fuzz.Parser([Armour.Read("SAFE ADDRESS", golden)], bytes => Same("SAFE ADDRESS", bytes, t => AddressFile.Parse(t).Write()));
    }

    [Fact]
    public void Any_text_is_an_id_an_address_or_malformed()
    {
        string id = team.Owner.CreateId().Write(), address = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "address-1.safeaddress"));
        Fuzz.Parser([System.Text.Encoding.UTF8.GetBytes(id), System.Text.Encoding.UTF8.GetBytes(address)], bytes =>
        {
            string text = System.Text.Encoding.UTF8.GetString(bytes);
            Malformed(() => Assert.Equal(id, IdFile.Parse(text).Write()));
            Malformed(() => Assert.Equal(address, AddressFile.Parse(text).Write()));
        });
    }

    [Fact]
    public void Damaged_keys_of_a_device_with_a_right_checksum_read_as_they_are_or_are_malformed()
    {
        byte[] right = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "device-1.keys"))[..^16];
        Fuzz.Parser([right], bytes =>
        {
            byte[] whole = [.. bytes, .. System.Security.Cryptography.SHA512.HashData(bytes).AsSpan(0, 16)];
            using var file = SecretBuffer.Take([.. whole]);
            Malformed(() =>
            {
                using var keys = DeviceKeys.Parse(file);
                using var again = keys.Serialise();
                using var lease = again.Borrow();
                Assert.Equal(whole, lease.Span.ToArray());
            });
        });
    }

    private static void Same(string kind, byte[] content, Func<string, string> parseAndWrite) => Malformed(() =>
    {
        string text = Armour.Write(kind, content);
        Assert.Equal(text, parseAndWrite(text));
    });

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

    private static void Refused(Action replay)
    {
        try
        {
            replay();
        }
        catch (RosterException)
        {
        }
    }
}
