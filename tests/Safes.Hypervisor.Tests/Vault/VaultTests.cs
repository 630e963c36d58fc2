using Safes.Contracts;
using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Roster;

namespace Safes.Hypervisor.Tests.Vaults;

public class VaultTests
{
    [Fact]
    public void A_new_vault_is_unclaimed_and_opens_for_nobody()
    {
        using var ledger = new Ledger(claimed: false);
        Assert.False(ledger.Vault.IsClaimed);
        Assert.Equal(ledger.Anna.Device, Assert.Single(ledger.Vault.Peers).Device);
        Assert.Equal("10.77.16.2", ledger.Vault.AddressFor(ledger.Anna.Device).DeviceAddress.ToString());
        Assert.Equal(FaultCodes.UnknownDevice, CodeOf(() => ledger.Vault.AddressFor(DeviceId.Random())));
        Assert.Equal(FaultCodes.Unclaimed, CodeOf(() => ledger.Vault.Open(ledger.Anna.Device, ledger.Issue(), [], [], 0)));
        Assert.DoesNotContain(ledger.Files.Content.Keys, k => k.Contains("header", StringComparison.Ordinal));
        var again = ledger.Vault.AddressFor(ledger.Anna.Device).Write();
        ledger.Restart();
        Assert.Equal(again, ledger.Vault.AddressFor(ledger.Anna.Device).Write());
    }

    [Fact]
    public void A_second_vault_in_the_same_place_is_refused()
    {
        using var ledger = new Ledger();
        Assert.Equal(FaultCodes.SafeExists, CodeOf(() => Vault.Create(
            Ledger.Directory, Ledger.Configuration, ledger.Anna.Keys.CreateId(), ledger.Clock, ledger.Files, "b")));
        Assert.Equal(FaultCodes.NoSafe, CodeOf(() => Vault.Load("/elsewhere", ledger.Clock, ledger.Files, "b")));
    }

    [Fact]
    public void The_owner_claims_and_opens_after_a_restart_too()
    {
        using var ledger = new Ledger();
        Assert.Equal((1UL, 1u), (ledger.Vault.Generation, ledger.Vault.Epoch));
        ledger.Opens(ledger.Anna);
        ledger.Restart();
        ledger.Opens(ledger.Anna);
        Assert.Equal(FaultCodes.AlreadyJoined, CodeOf(() => ledger.Claim()));
        Assert.Equal(ledger.Vault.Roster!.Safe, ledger.Vault.AddressFor(ledger.Anna.Device).Safe);
    }

    [Fact]
    public void A_claim_for_another_owner_server_or_request_is_refused()
    {
        using var ledger = new Ledger(claimed: false);
        var mallory = ledger.NewPerson("mallory");
        byte[] other32 = new byte[32], other16 = new byte[16];
        var (anna, forged) = (ledger.Anna.Keys, ledger.Anna.Keys.Identity(mallory.Keys.FirstSeed!) with { WireGuardKey = other32 });
        foreach (var change in new Func<Genesis, byte[], Genesis>[]
        {
            (g, rs) => Genesis.Sign(mallory.Keys.Signing, mallory.Keys.CreateId().Identity, g.ServerPin, g.GatewayKey, g.Init, rs),
            (g, rs) => Genesis.Sign(anna.Signing, g.Owner, other32, g.GatewayKey, g.Init, rs),
            (g, rs) => Genesis.Sign(anna.Signing, g.Owner, g.ServerPin, other32, g.Init, rs),
            (g, rs) => Genesis.Sign(anna.Signing, g.Owner, g.ServerPin, g.GatewayKey, other16, rs),
            (g, rs) => Genesis.Sign(anna.Signing, g.Owner, g.ServerPin, g.GatewayKey, g.Init, other32),
            (g, rs) => Genesis.Sign(mallory.Keys.Signing, g.Owner, g.ServerPin, g.GatewayKey, g.Init, rs),
            (g, rs) => Genesis.Sign(anna.Signing, forged, g.ServerPin, g.GatewayKey, g.Init, rs),
            (g, rs) => Genesis.Sign(anna.Signing, anna.CreateId().Identity, g.ServerPin, g.GatewayKey, g.Init, rs),
        })
        {
            Assert.Equal(FaultCodes.BadRequest, CodeOf(() => ledger.Claim(change: change)));
        }

        Assert.False(ledger.Vault.IsClaimed);
        ledger.Claim();
        ledger.Opens(ledger.Anna);
    }

    [Fact]
    public void A_volume_that_cannot_be_made_leaves_the_safe_unclaimed()
    {
        using var ledger = new Ledger(claimed: false);
        Assert.Equal(FaultCodes.NoRoom, CodeOf(() => ledger.Claim(() => throw new FaultException(FaultCodes.NoRoom))));
        Assert.False(ledger.Vault.IsClaimed);
        ledger.Restart();
        Assert.False(ledger.Vault.IsClaimed);
        ledger.Claim();
        ledger.Opens(ledger.Anna);
    }

    [Fact]
    public void Two_claims_at_once_are_one_claim()
    {
        using var ledger = new Ledger(claimed: false);
        ledger.Claim(() =>
        {
            Assert.Equal(FaultCodes.AlreadyJoined, CodeOf(() => ledger.Claim()));
            return Task.CompletedTask;
        });
        Assert.True(ledger.Vault.IsClaimed);
    }

    [Fact]
    public void A_member_is_added_joins_and_opens()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        Assert.Equal(FaultCodes.UnknownDevice, CodeOf(() => ledger.Open(bob)));
        var added = ledger.Add(ledger.Anna, bob);
        Assert.Equal(2UL, added.Generation);
        Assert.Equal(ledger.Vault.Roster!.Head.ToArray(), added.Head);
        Assert.Equal("10.77.16.3", ledger.Vault.AddressFor(bob.Device).DeviceAddress.ToString());
        Assert.Equal(FaultCodes.NotJoined, CodeOf(() => ledger.Open(bob)));
        Assert.Equal(FaultCodes.BadRequest, CodeOf(() => ledger.Join(bob, ledger.Anna.Ck)));
        ledger.Restart();
        ledger.Join(bob);
        ledger.Opens(bob);
        ledger.Opens(ledger.Anna);
        Assert.Equal(FaultCodes.AlreadyJoined, CodeOf(() => ledger.Join(bob)));
        ledger.Restart();
        ledger.Opens(bob);
        Assert.Equal(FaultCodes.MemberExists, CodeOf(() => ledger.Add(ledger.Anna, bob)));
    }

    [Fact]
    public void Only_an_owner_with_the_right_password_changes_the_roster()
    {
        using var ledger = new Ledger();
        var (bob, carol) = (ledger.NewPerson("bob"), ledger.NewPerson("carol"));
        Assert.Equal(FaultCodes.WrongPassword, CodeOf(() => ledger.Add(ledger.Anna, bob, ck: bob.Ck)));
        Assert.Null(ledger.Vault.Roster!.FindDevice(bob.Device));
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        Assert.Equal(FaultCodes.NotOwner, CodeOf(() => ledger.Add(bob, carol)));
        // Bob replays an entry that anna signed, with his own password.
        var entry = AddMember.Sign(ledger.Vault.Roster!, ledger.Anna.Device, ledger.Anna.Keys.Signing, carol.Keys.CreateId().Identity, owner: false);
        Assert.Equal(FaultCodes.NotOwner, CodeOf(() => ledger.Change(bob, entry)));
        Assert.Equal(FaultCodes.BadRequest, CodeOf(() => ledger.Change(ledger.Anna, entry, headAfter: new byte[64])));
        ledger.Change(ledger.Anna, entry);
        Assert.Equal(FaultCodes.Moved, CodeOf(() => ledger.Change(ledger.Anna, entry)));

        // Another owner may not lend his password to an entry that anna signed.
        var dora = ledger.NewPerson("dora");
        ledger.Add(ledger.Anna, dora, owner: true);
        ledger.Join(dora);
        var signed = RemoveMember.Sign(ledger.Vault.Roster!, ledger.Anna.Device, ledger.Anna.Keys.Signing, bob.Keys.Member);
        Assert.Equal(FaultCodes.BadRequest, CodeOf(() => ledger.Change(dora, signed)));
        ledger.Remove(dora, bob);
    }

    [Fact]
    public void A_removed_member_opens_nothing_and_the_old_header_put_back_neither()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        ledger.Opens(bob);
        var before = ledger.Files.Copy();
        var change = ledger.Remove(ledger.Anna, bob);
        Assert.Equal((2u, 4UL), (ledger.Vault.Epoch, change.Generation));
        Assert.Equal(FaultCodes.UnknownDevice, CodeOf(() => ledger.Open(bob)));
        ledger.Opens(ledger.Anna);
        Assert.DoesNotContain(Path.Combine(Ledger.Directory, "hs.1"), ledger.Files.Content.Keys);
        ledger.Restart();
        ledger.Opens(ledger.Anna);

        foreach (string name in new[] { "header.a", "header.b", "roster" })
        {
            if (before.Content.TryGetValue(Path.Combine(Ledger.Directory, name), out byte[]? old))
            {
                ledger.Files.Put(Path.Combine(Ledger.Directory, name), old);
            }
        }

        Assert.Equal(FaultCodes.HeaderDamaged, CodeOf(() => ledger.Restart()));
    }

    [Fact]
    public void An_open_with_a_head_or_generation_of_yesterday_is_told_so_and_costs_no_try()
    {
        using var ledger = new Ledger();
        var (head, generation) = (ledger.Vault.Roster!.Head.ToArray(), ledger.Vault.Generation);
        ledger.Add(ledger.Anna, ledger.NewPerson("bob"));
        Assert.Equal(FaultCodes.Moved, CodeOf(() => ledger.Vault.Open(ledger.Anna.Device, ledger.Issue(), new byte[1192], head, generation)));
        Assert.Equal(FaultCodes.Moved, CodeOf(() => ledger.Vault.Open(ledger.Anna.Device, ledger.Issue(), new byte[1192], ledger.Vault.Roster!.Head.Span, generation)));
        Assert.Equal(FaultCodes.BadRequest, CodeOf(() => ledger.Vault.Open(
            ledger.Anna.Device, ledger.Issue(), new byte[1192], ledger.Vault.Roster!.Head.Span, ledger.Vault.Generation)));
        Assert.Equal(3, ledger.Vault.TriesLeft(ledger.Anna.Device));
    }

    [Fact]
    public void A_seal_for_another_device_or_purpose_opens_nothing()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        foreach (var (purpose, sealer) in new[] { (Purpose.Open, bob), (Purpose.ChangeRoster, ledger.Anna), (Purpose.Join, ledger.Anna), (Purpose.Claim, ledger.Anna) })
        {
            var key = ledger.Issue();
            byte[] box = OneTimeSeal.Seal(key.PublicKey, ledger.Anna.Ck, ledger.Aad(purpose, sealer, key, []));
            Assert.Equal(FaultCodes.BadRequest, CodeOf(() => ledger.Vault.Open(ledger.Anna.Device, key, box, ledger.Vault.Roster!.Head.Span, ledger.Vault.Generation)));
        }
    }

    [Fact]
    public void A_marker_may_lag_behind_what_is_known_of_it_but_not_further()
    {
        using var ledger = new Ledger();
        var (bob, carol) = (ledger.NewPerson("bob"), ledger.NewPerson("carol"));
        byte[] first = ledger.Marker;
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        using (var opened = ledger.Open(ledger.Anna))
        {
            // Two changes while the volume was locked.
            Assert.Equal(MarkerCheck.Behind, opened.CheckMarker(first));
            Assert.Equal(MarkerCheck.Right, opened.CheckMarker(opened.NewMarker()));
            ledger.Vault.MarkerWritten(opened.Generation);
        }

        byte[] second = ledger.Add(ledger.Anna, carol).Marker;
        using var later = ledger.Open(ledger.Anna);
        Assert.Equal(MarkerCheck.Wrong, later.CheckMarker(first));
        Assert.Equal(MarkerCheck.Right, later.CheckMarker(second));
        Assert.Equal(MarkerCheck.Wrong, later.CheckMarker([]));
        using var other = new Ledger();
        using var otherKeys = other.Open(other.Anna);
        Assert.Equal(MarkerCheck.Wrong, later.CheckMarker(otherKeys.NewMarker()));
    }

    [Fact]
    public void A_header_newer_than_the_volume_and_one_older_are_told_apart()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        var old = ledger.Files.Copy();
        byte[] newer = ledger.Add(ledger.Anna, bob).Marker;
        ledger.Restart(old);
        using var opened = ledger.Open(ledger.Anna);
        Assert.Equal(MarkerCheck.Wrong, opened.CheckMarker(newer));
    }

    [Fact]
    public void Every_bit_of_the_header_on_disk_counts()
    {
        using var ledger = new Ledger();
        string path = Path.Combine(Ledger.Directory, "header.a");
        byte[] header = ledger.Files.Content[path];
        for (int bit = 0; bit < header.Length * 8; bit += 7)
        {
            byte[] flipped = [.. header];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            ledger.Files.Put(path, flipped);
            Assert.Equal(FaultCodes.HeaderDamaged, CodeOf(() => ledger.Open(ledger.Anna)));
        }

        // The MAC's bits pass a restart, which has no key to check them with, and are refused at the open.
        for (int byteAt = 0; byteAt < header.Length; byteAt += 61)
        {
            byte[] flipped = [.. header];
            flipped[byteAt] ^= 1;
            ledger.Files.Put(path, flipped);
            Assert.Equal(FaultCodes.HeaderDamaged, CodeOf(() =>
            {
                ledger.Restart();
                ledger.Open(ledger.Anna);
            }));
        }

        ledger.Files.Remove(path);
        Assert.Equal(FaultCodes.HeaderDamaged, CodeOf(() => ledger.Restart()));
        ledger.Files.Put(path, header);
        ledger.Restart();
        ledger.Opens(ledger.Anna);
    }

    [Fact]
    public void Another_servers_secret_opens_nothing()
    {
        using var ledger = new Ledger();
        ledger.Files.Put(Path.Combine(Ledger.Directory, "hs.1"), new byte[32]);
        Assert.Equal(FaultCodes.HeaderDamaged, CodeOf(() => ledger.Open(ledger.Anna)));
        Assert.Equal(FaultCodes.HeaderDamaged, CodeOf(() => ledger.Restart()));
    }

    [Fact]
    public void On_a_real_file_system_all_is_private_and_comes_back()
    {
        string directory = Path.Combine(System.IO.Directory.CreateTempSubdirectory("safes-vault-").FullName, "ledger");
        try
        {
            using var ledger = new Ledger(realDirectory: directory);
            var bob = ledger.NewPerson("bob");
            ledger.Add(ledger.Anna, bob);
            ledger.Join(bob);
            Assert.Equal(FaultCodes.WrongPassword, CodeOf(() => ledger.Open(bob, ledger.Anna.Ck)));
            string address = ledger.Vault.AddressFor(bob.Device).Write();
            var left = System.IO.Directory.GetFileSystemEntries(directory, "*", SearchOption.AllDirectories);
            Assert.All(left.Append(directory), f => Assert.Equal((UnixFileMode)(System.IO.Directory.Exists(f) ? 0x1C0 : 0x180), File.GetUnixFileMode(f)));
            Assert.Equal(
                ["attempts", "claim", "config.json", "gateway.key", "header.a", "header.b", "hs.1", "init", "owner.safeid", "roster", "tls.key"],
                System.IO.Directory.GetFileSystemEntries(directory).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));

            ledger.Restart();
            Assert.Equal(2, ledger.Vault.TriesLeft(bob.Device));
            Assert.Equal(address, ledger.Vault.AddressFor(bob.Device).Write());
            Assert.Equal(Ledger.Configuration, ledger.Vault.Configuration);
            Assert.True(ledger.Vault.ServerCertificate.HasPrivateKey);
            ledger.Opens(bob);
            ledger.Remove(ledger.Anna, bob);
            ledger.Restart();
            ledger.Opens(ledger.Anna);
            Assert.Equal(["hs.2"], System.IO.Directory.GetFiles(directory, "hs.*").Select(f => Path.GetFileName(f)));

            File.SetUnixFileMode(directory, (UnixFileMode)0x1ED);
            Assert.Equal(FaultCodes.UnsafePermissions, CodeOf(() => Vault.Load(directory)));
        }
        finally
        {
            System.IO.Directory.Delete(Path.GetDirectoryName(directory)!, recursive: true);
        }
    }

    [Fact]
    public void The_cryptography_of_an_open_takes_little_time()
    {
        OpenBenchmark.Run(5);
        var times = OpenBenchmark.Run(21).Order().ToArray();
        TestContext.Current.SendDiagnosticMessage($"median {times[10].TotalMilliseconds:F2} ms");
        Assert.InRange(times[10], TimeSpan.Zero, TimeSpan.FromMilliseconds(30));
    }

    internal static FaultCode? CodeOf(Action act)
    {
        try
        {
            act();
            return null;
        }
        catch (FaultException e)
        {
            return e.Code;
        }
    }
}
