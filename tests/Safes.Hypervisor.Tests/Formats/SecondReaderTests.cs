// Long: every format once, written by us and read by the other.
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Safes.Hypervisor.Rules;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Roster;
using Safes.Rules;
using Safes.Secrets;
using static Safes.Hypervisor.Tests.Formats.SecondReader;

namespace Safes.Hypervisor.Tests.Formats;

/// <summary>What the programs write, a reader that was made from SPECIFICATION alone reads to the same; what they refuse, it refuses.</summary>
public class SecondReaderTests
{
    private readonly SecondReader reader = new();

    [Fact]
    public async Task It_opens_the_golden_header_to_the_same_volume_key_and_refuses_what_is_refused()
    {
        var f = JsonDocument.Parse(File.ReadAllText(Golden("header-1.json"))).RootElement;
        string Of(string name) => f.GetProperty(name).GetString()!;
        byte[] header = File.ReadAllBytes(Golden("header-1.header"));
        var (member, device, pk) = (MemberId.Parse(Of("Member")), DeviceId.Parse(Of("DeviceId")), Convert.FromHexString(Of("PublicKey")));
        using var password = Secret(System.Text.Encoding.UTF8.GetBytes(Of("Password")));
        using var ds = Secret(Convert.FromHexString(Of("Device")));
        using var server = Secret(Convert.FromHexString(Of("Server")));
        using var ck = PasswordKey.Derive(
            password, new DeviceSecret(ds, Convert.FromHexString(Of("Salt"))), SafeId.Parse(Of("Safe")), member, device, Argon2Parameters.Floor);
        reader.Ask("ck", new JsonObject
        {
            ["password"] = Of("Password"),
            ["ds"] = Of("Device"),
            ["salt"] = Of("Salt"),
            ["safe"] = Of("Safe"),
            ["member"] = Of("Member"),
            ["device"] = Of("DeviceId"),
            ["kib"] = Argon2Parameters.FloorMemoryKiB,
            ["passes"] = Argon2Parameters.FloorPasses,
        }, v => Assert.Equal(Hex(Ledger.Reveal(ck)), v?.GetString()));

        var keys = HeaderQuestion(server, ck, member, device, pk);
        reader.Ask("header", header, keys, v => Assert.Equal(Of("Vmk"), v?.GetProperty("vmk").GetString()));
        foreach (byte[] other in Flips(header, 250).Concat(Cuts(header, 60)))
        {
            bool opens = Opens(other, server, ck, member, device, pk) is not null;
            Assert.False(opens);
            reader.Ask("header", other, keys, v => Assert.Null(v));
        }

        await reader.AnswerAsync();
    }

    [Fact]
    public async Task It_reads_the_golden_id_address_roster_and_device_and_refuses_what_is_refused()
    {
        string id = File.ReadAllText(Golden("id-1.safeid")), address = File.ReadAllText(Golden("address-1.safeaddress"));
        string[] fingerprints = File.ReadAllLines(Golden("fingerprints-1.txt"));
        byte[] device = File.ReadAllBytes(Golden("device-1.keys"));
        byte[][] chain = [.. File.ReadAllLines(Golden("roster-1.hex")).Select(Convert.FromHexString)];
        var roster = SafeRoster.Replay(chain.Select(e => new ReadOnlyMemory<byte>(e)));

        string? identity = null;
        reader.Ask("id", new JsonObject { ["text"] = id }, v =>
        {
            identity = v?.GetProperty("identity").GetRawText();
            Assert.Equal(fingerprints[0], v?.GetProperty("fingerprint").GetString());
        });
        reader.Ask("device", device, [], v => Assert.Equal(identity, v?.GetProperty("public").GetRawText()));
        var read = AddressFile.Parse(address);
        reader.Ask("address", new JsonObject { ["text"] = address }, v =>
        {
            Assert.Equal(fingerprints[1], v!.Value.GetProperty("fingerprint").GetString());
            Assert.Equal((read.Name, read.Endpoint, Hex(read.Head), read.Entries),
                (v.Value.GetProperty("name").GetString(), v.Value.GetProperty("endpoint").GetString(), v.Value.GetProperty("head").GetString(), v.Value.GetProperty("entries").GetInt32()));
        });
        reader.Ask("chain", ChainQuestion(chain), v => SameRoster(roster, v));

        foreach (byte[] other in Flips(device, 150).Concat(Cuts(device, 30)).Where(b => b.Length > 0))
        {
            using var file = Secret(other);
            Assert.Throws<MalformedException>(() => DeviceKeys.Parse(file));
            reader.Ask("device", other, [], v => Assert.Null(v));
        }

        foreach (string kind in new[] { "id", "address" })
        {
            byte[] text = System.Text.Encoding.Latin1.GetBytes(kind == "id" ? id : address);
            foreach (byte[] other in Flips(text, 200).Concat(Cuts(text, 40)))
            {
                string changed = System.Text.Encoding.Latin1.GetString(other);
                bool accepted = Accepts(() => _ = kind == "id" ? IdFile.Parse(changed).Fingerprint : AddressFile.Parse(changed).Fingerprint);
                reader.Ask(kind, new JsonObject { ["text"] = changed }, v => Assert.Equal(accepted, v is not null));
            }
        }

        for (int i = 0; i < chain.Length; i++)
        {
            foreach (byte[] other in Flips(chain[i], 25).Concat(Cuts(chain[i], 5)))
            {
                byte[][] changed = [.. chain[..i], other, .. chain[(i + 1)..]];
                Assert.Throws<RosterException>(() => SafeRoster.Replay(changed.Select(e => new ReadOnlyMemory<byte>(e))));
                reader.Ask("chain", ChainQuestion(changed), v => Assert.Null(v));
            }
        }

        await reader.AnswerAsync();
    }

    [Fact]
    public async Task It_reads_everything_of_a_safe_s_state_directory_and_the_volume_s_marker()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("Bob O'Hara");
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        var carol = ledger.NewPerson("ROOT");
        ledger.Add(ledger.Anna, carol, owner: true);
        ledger.Remove(ledger.Anna, bob);
        using var wrong = SecretBuffer.Random(32);
        Assert.Throws<Contracts.FaultException>(() => ledger.Open(ledger.Anna, wrong).Dispose());
        ledger.Add(ledger.Anna, ledger.NewPerson("bob-o hara"));
        Assert.Throws<Contracts.FaultException>(() => ledger.Open(ledger.Anna, wrong).Dispose());

        byte[] At(string name) => ledger.Files.Content[Path.Combine(Ledger.Directory, name)];
        string newest = new[] { "header.a", "header.b" }.Where(n => ledger.Files.Content.ContainsKey(Path.Combine(Ledger.Directory, n)))
            .MaxBy(n => Header.Parse(At(n)).Generation)!;
        byte[] header = At(newest), roster = At("roster");
        using var server = Secret(At("hs.2"));
        string safe = ledger.Vault.Roster!.Safe.ToString();
        byte[] pk = ledger.Vault.Roster.FindDevice(ledger.Anna.Device)!.KemKey;
        var keys = HeaderQuestion(server, ledger.Anna.Ck, ledger.Anna.Keys.Member, ledger.Anna.Device, pk);
        using var vmk = Opens(header, server, ledger.Anna.Ck, ledger.Anna.Keys.Member, ledger.Anna.Device, pk)!;
        reader.Ask("header", header, keys, v =>
        {
            Assert.Equal((Hex(Ledger.Reveal(vmk)), safe, ledger.Vault.Generation, 2u, Hex(ledger.Vault.Roster.Head.Span)),
                (v!.Value.GetProperty("vmk").GetString(), v.Value.GetProperty("safe").GetString(), v.Value.GetProperty("generation").GetUInt64(),
                    v.Value.GetProperty("epoch").GetUInt32(), v.Value.GetProperty("head").GetString()));
            Assert.Equal(ledger.Vault.Roster.Devices.Select(d => d.Id.ToString()).Order(), v.Value.GetProperty("devices").EnumerateArray().Select(d => d.GetString()!).Order());
        });

        var rosterKeys = new JsonObject { ["hs"] = Hex(Ledger.Reveal(server)), ["safe"] = safe };
        reader.Ask("roster-file", roster, rosterKeys, v => Assert.Equal(
            ledger.Vault.Roster.Entries.Select(e => Hex(e.Bytes.Span)), v!.Value[1].EnumerateArray().Select(e => e.GetString()!)));
        reader.Ask("chain", ChainQuestion([.. ledger.Vault.Roster.Entries.Select(e => e.Bytes.ToArray())]), v => SameRoster(ledger.Vault.Roster, v));
        foreach (byte[] other in Flips(roster, 150).Concat(Cuts(roster, 40)))
        {
            reader.Ask("roster-file", other, rosterKeys, v => Assert.Null(v));
        }

        reader.Ask("attempts", At($"attempts/{ledger.Anna.Device}"), [], v => Assert.Equal((1, ledger.BootId), (v!.Value.GetProperty("failures").GetInt32(), v.Value.GetProperty("boot").GetString())));
        byte[] intent = new Intent(7, 2, "b", SHA512.HashData(header)).Write();
        reader.Ask("intent", intent, [], v => Assert.Equal((7UL, "b", Hex(SHA512.HashData(header))),
            (v!.Value.GetProperty("generation").GetUInt64(), v.Value.GetProperty("slot").GetString(), v.Value.GetProperty("digest").GetString())));
        foreach (byte[] other in EveryFlip(intent).Concat(Cuts(intent, intent.Length)))
        {
            bool accepted = Accepts(() => Intent.Parse(other));
            reader.Ask("intent", other, [], v => Assert.Equal(accepted, v is not null));
        }

        using var volume = VolumeKeys.Derive(vmk);
        byte[] marker = Marker.Write(volume.Marker, ledger.Vault.Roster.Safe, 9);
        var markerKeys = new JsonObject { ["vmk"] = Hex(Ledger.Reveal(vmk)), ["safe"] = safe };
        reader.Ask("marker", marker, markerKeys, v => Assert.Equal(9UL, v?.GetUInt64()));
        foreach (byte[] other in EveryFlip(marker).Concat(Cuts(marker, marker.Length)))
        {
            Assert.Null(Marker.Read(volume.Marker, ledger.Vault.Roster.Safe, other));
            reader.Ask("marker", other, markerKeys, v => Assert.Null(v));
        }

        await reader.AnswerAsync();
    }

    [Fact]
    public async Task It_reads_the_owners_rules_to_what_stands_and_refuses_what_is_refused()
    {
        using var team = new Roster.Tests.Team();
        var carol = team.Add("carol", owner: true);
        var book = RuleBook.Empty(team.Roster.Safe);
        void Add(DeviceKeys by, Rule rule) => book = book.Extend(RuleEntry.Sign(book, team.Roster, by.Device, by.Signing, rule, DateTimeOffset.UnixEpoch), team.Roster);
        Add(team.Owner, new AllowRule("*", "*.example.org", 0, ["GET", "HEAD"], 65536, 1L << 40, 1_900_000_000));
        Add(carol, new GroupRule("lab", ["desk", "build"]));
        team.Remove(carol);
        Add(team.Owner, new ExposeRule("desk", 8888));
        Add(team.Owner, new DataOutRule(DataOut.FourEyes));
        Add(team.Owner, new RemoveRule(3));
        Add(team.Owner, new GroupRule("lab", ["desk"]));
        Add(team.Owner, new DataOutRule(DataOut.Closed));
        byte[] file = RuleKeeper.Write(book);
        var question = ChainQuestion([.. team.Roster.Entries.Select(e => e.Bytes.ToArray())]);
        reader.Ask("rules", file, question, v =>
        {
            Assert.Equal((7, Hex(book.Head.Span)), (v!.Value.GetProperty("count").GetInt32(), v.Value.GetProperty("head").GetString()));
            Assert.Equal(
                book.Standing.Select(s => $"{s.Number} {s.Rule.Kind} {s.MemberName}"),
                v.Value.GetProperty("standing").EnumerateArray().Select(s => $"{s[0].GetInt32()} {s[1].GetString()} {s[3].GetString()}"));
        });
        foreach (byte[] other in Flips(file, 300).Concat(Cuts(file, 100)))
        {
            var refused = Assert.ThrowsAny<Exception>(() => RuleBook.Replay(book.Safe, RuleKeeper.Read(other), team.Roster));
            Assert.True(refused is MalformedException or RuleException, refused.ToString());
            reader.Ask("rules", other, question, v => Assert.Null(v));
        }

        await reader.AnswerAsync();
    }

    [Fact]
    public async Task It_opens_what_is_sealed_for_an_open_and_derives_a_new_volume_s_keys()
    {
        var (safe, device) = (new SafeId(77), DeviceId.Random());
        using var oneTime = KemKeyPair.NewSeed();
        using var message = SecretBuffer.Random(96);
        byte[] otpk = KemKeyPair.PublicKey(oneTime), head = RandomNumberGenerator.GetBytes(64), pins = RandomNumberGenerator.GetBytes(64), request = [1, 2, 3];
        foreach (var (purpose, word) in new[] { (Purpose.Claim, "claim"), (Purpose.Join, "join"), (Purpose.Open, "open"), (Purpose.ChangeRoster, "change-roster") })
        {
            byte[] box = OneTimeSeal.Seal(otpk, message, OpenAad.Encode(purpose, safe, device, pins.AsSpan(0, 32), pins.AsSpan(32), otpk, head, 5, request));
            var keys = new JsonObject
            {
                ["seed"] = Hex(Ledger.Reveal(oneTime)),
                ["purpose"] = word,
                ["safe"] = safe.ToString(),
                ["device"] = device.ToString(),
                ["device_pin"] = Hex(pins.AsSpan(0, 32)),
                ["server_pin"] = Hex(pins.AsSpan(32)),
                ["head"] = Hex(head),
                ["generation"] = 5,
                ["request"] = Hex(request),
            };
            reader.Ask("sealed", box, keys, v => Assert.Equal(Hex(Ledger.Reveal(message)), v?.GetString()));
            foreach (byte[] other in Flips(box, 20).Concat(Cuts(box, 5)))
            {
                reader.Ask("sealed", other, keys, v => Assert.Null(v));
            }

            keys["generation"] = 6;
            reader.Ask("sealed", box, keys, v => Assert.Null(v));
        }

        using var rs = SecretBuffer.Random(32);
        using var rc = SecretBuffer.Random(32);
        using var vmk = VolumeKeys.NewMaster(rs, rc, safe);
        using var derived = VolumeKeys.Derive(vmk);
        reader.Ask("derived", new JsonObject { ["rs"] = Hex(Ledger.Reveal(rs)), ["rc"] = Hex(Ledger.Reveal(rc)), ["safe"] = safe.ToString() }, v => Assert.Equal(
            new[] { vmk, derived.Volume, derived.Header, derived.Marker }.Select(s => Hex(Ledger.Reveal(s))), v!.Value.EnumerateArray().Select(k => k.GetString()!)));
        await reader.AnswerAsync();
    }

    [Fact]
    public async Task It_passes_the_vectors_of_X_Wing()
    {
        foreach (var vector in JsonDocument.Parse(File.ReadAllText(Golden("xwing.json"))).RootElement.EnumerateArray())
        {
            reader.Ask("kem", JsonNode.Parse(vector.GetRawText())!.AsObject(), v => Assert.Equal(
                ["public_key_sha256", "ciphertext_sha256", "shared_secret"], new[] { "public_key_sha256", "ciphertext_sha256", "shared_secret" }
                    .Where((name, i) => vector.GetProperty(name).GetString() == v!.Value[i].GetString())));
        }

        await reader.AnswerAsync();
    }

    [Fact]
    public async Task It_holds_the_same_signatures_for_good()
    {
        byte[][] small = [];
        var mixed = new List<(byte[] Public, byte[] Signature)>();
        reader.Ask("small-points", [], v => small = [.. v!.Value.EnumerateArray().Select(p => Convert.FromHexString(p.GetString()!))]);
        for (int i = 1; i <= 100; i++)
        {
            // By a key with a part of small order, as only its maker can have it: every reader must come to the same verdict.
            reader.Ask("mixed-signature", new JsonObject { ["secret"] = 12345 + i, ["r"] = 777, ["message"] = "010203" },
                v => mixed.Add((Convert.FromHexString(v!.Value[0].GetString()!), Convert.FromHexString(v.Value[1].GetString()!))));
        }

        await reader.AnswerAsync();
        var second = new SecondReader();
        using var seed = SecretBuffer.Random(SigningKey.SeedSize);
        byte[] own = SigningKey.PublicKey(seed), message = [1, 2, 3], good = SigningKey.Sign(seed, message);
        var tried = small.SelectMany(a => small.Select(r => (Public: a, Signature: (byte[])[.. r, .. new byte[32]]))).Concat(small.Select(r => (own, (byte[])[.. r, .. good.AsSpan(32)])))
            .Concat(Flips(good, 100).Select(s => (own, s))).Concat(Flips(own, 50).Select(p => (p, good))).Append((own, good)).Concat(mixed);
        int held = 0, mixedHeld = mixed.Count(m => SigningKey.Verify(m.Public, message, m.Signature));
        foreach (var (pk, signature) in tried)
        {
            bool holds = SigningKey.Verify(pk, message, signature);
            held += holds ? 1 : 0;
            second.Ask("signature", new JsonObject { ["public"] = Hex(pk), ["message"] = Hex(message), ["signature"] = Hex(signature) }, v => Assert.Equal(holds, v!.Value.GetBoolean()));
        }

        Assert.Equal(1 + mixedHeld, held);
        Assert.InRange(mixedHeld, 1, 50);
        await second.AnswerAsync();
    }

    [Fact]
    public async Task It_holds_the_same_names_passwords_and_accounts_for_good()
    {
        string[] some = ["anna", "Anna Bő", "-rf", "a-", "a  b", " a", "...", "a\u202eb", "\u674e\u5c0f", "x\u0301", "\u20dd", "a\u20dd", "\u216b", "\u00b2", new string('x', 48), new string('x', 49),
            string.Concat(Enumerable.Repeat("\U00020000", 24)), string.Concat(Enumerable.Repeat("\U00020000", 25)), "a\u0000", "", "O'Neil"];
        foreach (string name in some.Concat(Any(Gen.String[0, 8], 400)))
        {
            bool good = Names.IsValid(name);
            reader.Ask("name", new JsonObject { ["text"] = Whole(name) }, v => Assert.True(Whole(name) != name || v!.Value.GetBoolean() == good, $"{Hex(System.Text.Encoding.UTF8.GetBytes(name))}"));
        }

        string[] people = ["anna", "Anna", "root", "systemd-network", "7of9", "\u674e", "Zo\u00eb", "a.b__c", "debian", "member", new string('x', 60), new string('x', 61), "a-" + new string('-', 40) + "b",
            "twenty seven characters aa-b", "twenty seven characters aa-b"];
        var taken = new HashSet<string>();
        string[] accounts = [.. people.Select(p =>
        {
            string account = Names.Account(p, taken);
            taken.Add(account);
            return account;
        })];
        reader.Ask("accounts", new JsonObject { ["names"] = new JsonArray([.. people.Select(p => JsonValue.Create(p))]) },
            v => Assert.Equal(accounts, v!.Value.EnumerateArray().Select(a => a.GetString()!)));

        foreach (var (a, b) in new[] { ("BOB", "bob"), ("stra\u00dfe", "STRASSE"), ("\u0131", "I"), ("\u017f", "S"), ("\u03c3", "\u03c2"), ("\u01c6", "\u01c4"), ("\u01c5", "\u01c4"), ("\U00010428", "\U00010400"), ("\u1e9e", "\u00df"), ("\u212a", "k") })
        {
            bool same = string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
            reader.Ask("same-name", new JsonObject { ["a"] = a, ["b"] = b }, v => Assert.True(same == v!.Value.GetBoolean(), $"{a} {b}"));
        }

        foreach (byte[] typed in (byte[][])[.. new[] { "fi\u00e9 \uFB01\u212B", "e\u0301", "\uFDFA", "\u0378", "x" }.Select(System.Text.Encoding.UTF8.GetBytes), [0xff], [0xed, 0xa0, 0x80], [0x41, 0xc3]])
        {
            using var password = Secret(typed);
            string? normal = null;
            try
            {
                using var form = PasswordText.Normalise(password);
                normal = Hex(Ledger.Reveal(form));
            }
            catch (PasswordException)
            {
            }

            reader.Ask("password", typed, [], v => Assert.Equal(normal, v?.GetString()));
        }

        await reader.AnswerAsync();
    }

    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    private static SecretBuffer Secret(byte[] bytes) => SecretBuffer.Take([.. bytes]);

    /// <summary>Text that JSON can carry.</summary>
    private static string Whole(string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));

    private static List<T> Any<T>(Gen<T> gen, int count)
    {
        var all = new List<T>();
        gen.Sample(v =>
        {
            all.Add(v);
            return true;
        }, iter: count, threads: 1);
        return all;
    }

    private static JsonObject HeaderQuestion(SecretBuffer server, SecretBuffer ck, MemberId member, DeviceId device, byte[] pk) => new()
    {
        ["hs"] = Hex(Ledger.Reveal(server)),
        ["ck"] = Hex(Ledger.Reveal(ck)),
        ["member"] = member.ToString(),
        ["device"] = device.ToString(),
        ["pk"] = Hex(pk),
    };

    private static JsonObject ChainQuestion(byte[][] chain) => new() { ["chain"] = new JsonArray([.. chain.Select(e => JsonValue.Create(Hex(e)))]) };

    private static void SameRoster(SafeRoster roster, JsonElement? v)
    {
        var read = v!.Value;
        Assert.Equal((roster.Safe.ToString(), Hex(roster.Head.Span), roster.Count),
            (read.GetProperty("safe").GetString(), read.GetProperty("head").GetString(), read.GetProperty("count").GetInt32()));
        Assert.Equal(roster.Members.Select(m => (m.Name, m.Index, m.Account, m.IsOwner)),
            read.GetProperty("members").EnumerateArray().Select(m => (m[0].GetString()!, m[1].GetInt32(), m[2].GetString()!, m[3].GetBoolean())));
        Assert.Equal(roster.Devices.Select(d => (d.Id.ToString(), d.Index, Hex(SHA256.HashData(d.KemKey)), d.Joined)),
            read.GetProperty("devices").EnumerateArray().Select(d => (d[0].GetString()!, d[1].GetInt32(), d[2].GetString()!, d[3].GetBoolean())));
    }

    /// <summary>All of an open, as <see cref="SecondReader"/> does it.</summary>
    private static SecretBuffer? Opens(byte[] bytes, SecretBuffer server, SecretBuffer ck, MemberId member, DeviceId device, byte[] pk)
    {
        try
        {
            var header = Header.Parse(bytes);
            var boxes = header.OpenTable(server).Find(device);
            using var seed = boxes is null ? null : PasswordBox.Open(ck, boxes.PasswordBox, header.Safe, member, device, pk);
            var vmk = seed is null ? null : VolumeKeyBox.Open(seed, boxes!.VolumeKeyBox, header.Safe, device, header.Epoch);
            return vmk is not null && header.Verify(vmk) ? vmk : null;
        }
        catch (MalformedException)
        {
            return null;
        }
    }

    private static bool Accepts(Action parse)
    {
        try
        {
            parse();
            return true;
        }
        catch (MalformedException)
        {
            return false;
        }
    }

    private static IEnumerable<byte[]> EveryFlip(byte[] of) => Enumerable.Range(0, of.Length * 8).Select(bit => Flip(of, bit));

    private static IEnumerable<byte[]> Flips(byte[] of, int count) => Enumerable.Range(0, count).Select(i => Flip(of, RandomNumberGenerator.GetInt32(of.Length * 8)));

    private static IEnumerable<byte[]> Cuts(byte[] of, int count) =>
        Enumerable.Range(0, count).Select(i => of[..(count == of.Length ? i : RandomNumberGenerator.GetInt32(of.Length))]).Append([.. of, 0]);

    private static byte[] Flip(byte[] of, int bit)
    {
        byte[] flipped = [.. of];
        flipped[bit / 8] ^= (byte)(1 << (bit % 8));
        return flipped;
    }
}
