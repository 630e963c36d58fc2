using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Client.Enrolment;
using Safes.Client.Opening;
using Safes.Client.Profile;
using Safes.Client.Rules;
using Safes.Client.Tests.Fake;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;
using Safes.Rules;

namespace Safes.Client.Tests;

public sealed class OpeningASafe : IDisposable
{
    private readonly TestDevice device = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 60_000)]
    public async Task The_first_owner_claims_and_opens_with_the_same_password()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = await ClaimAsync(fake);
        Assert.Equal(State.Closed, fake.Safe.State);
        Assert.False(new Profiles(device.Places).HasPending);
        Assert.Null(profile.Keys.FirstSeed);
        using var open = await OpenAsync(fake, profile);
        Assert.Equal(fake.Safe.Session, open.Opened.Session.ToByteArray());
        Assert.Empty((await StatusAsync()).Warnings);    // each call names the session, on a later connection too
        open.Server.Reconnect();
        Assert.Empty((await StatusAsync()).Warnings);
        Task<StatusReply> StatusAsync() => open.Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, Stop);
        Assert.Contains(device.Told, r => r.Name == "server and members are the ones you know" && r.Detail.StartsWith("1 member, 1 device, nothing changed since", StringComparison.Ordinal));
    }

    [Fact(Timeout = 60_000)]
    public async Task Rules_that_are_not_those_this_device_knows_are_told_at_the_open()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = await ClaimAsync(fake);
        using (var open = await OpenAsync(fake, profile))
        {
            var rules = new RuleChange(profile, open.Server);
            await rules.AppendAsync(new DataOutRule(DataOut.Closed), Stop);
            await rules.AppendAsync(new ExposeRule("desk", 80), Stop);
        }

        ByteString[] right = [.. fake.Safe.Rules];
        Assert.Equal("", await ToldAsync());
        fake.Safe.Rules.RemoveRange(0, 2);
        Assert.StartsWith("not those that this device knows: the server shows fewer than the 2 entries", await ToldAsync(), StringComparison.Ordinal);
        fake.Safe.Rules.AddRange([right[0], right[0]]);
        Assert.StartsWith("not those that this device knows: they are not a continuation", await ToldAsync(), StringComparison.Ordinal);
        fake.Safe.RulesProblem = "OutOfOrder at rule 1\u001b[2J";
        Assert.StartsWith("not those that this device knows: OutOfOrder at rule 1\ufffd[2J", await ToldAsync(), StringComparison.Ordinal);

        async Task<string> ToldAsync()
        {
            device.Told.Clear();
            using var open = await OpenAsync(fake, profile);
            return device.Told.SingleOrDefault(r => r.Name == "owners' rules")?.Detail ?? "";
        }
    }

    [Theory(Timeout = 60_000)]
    [InlineData("com")]
    [InlineData("ch")]
    [InlineData("localhost")]
    [InlineData("a.b")]
    public async Task A_name_with_others_names_under_it_is_no_safe_s(string name)
    {
        await using var fake = await FakeServer.StartAsync();
        using var bob = new TestDevice();
        var id = Wait(bob, "bob");
        var fault = await Assert.ThrowsAsync<FaultException>(() => JoinAsync(bob, fake, fake.Safe.AddressFor(id.Identity.Device, 0) with { Name = name }, "a password of his own"));
        Assert.Equal(FaultCodes.DamagedFile, fault.Code);
        Assert.Contains(SafeName.Rule, fault.Details["why"], StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_wrong_password_says_which_device_and_how_many_tries_are_left()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = await ClaimAsync(fake);
        var fault = await Assert.ThrowsAsync<FaultException>(() => OpenAsync(fake, profile, "something else altogether"));
        Assert.Equal(FaultCodes.WrongPassword, fault.Code);
        Assert.Equal("anna-laptop", fault.Details["device"]);
        Assert.Equal("2", fault.Details["tries_left"]);
    }

    [Fact(Timeout = 60_000)]
    public async Task Giving_up_at_the_prompt_counts_no_attempt()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        var opening = new SafeOpening(profile, device.Steps, () => throw new OperationCanceledException());
        await Assert.ThrowsAsync<OperationCanceledException>(() => opening.RunAsync(Stop, Connect(fake, profile)));
        Assert.Equal((0, 0), (fake.Safe.Opens, fake.Safe.OneTimeKeys));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_forked_roster_is_refused_before_the_password_is_asked()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        var known = profile.Roster;
        profile.Remember(With(known, profile, "bob"), profile.Known.Images);
        fake.Safe.Roster = With(known, profile, "carol");
        Assert.Equal(FaultCodes.RosterForked, await RefusalOf(fake, profile));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_truncated_roster_is_refused_before_the_password_is_asked()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        fake.Safe.Roster = profile.Roster;
        profile.Remember(With(profile.Roster, profile, "bob"), profile.Known.Images);
        Assert.Equal(FaultCodes.RosterForked, await RefusalOf(fake, profile));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_reordered_or_unsigned_roster_is_refused_before_the_password_is_asked()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        fake.Safe.Roster = With(With(profile.Roster, profile, "bob"), profile, "carol");
        fake.Safe.Shown = all => all.Take(1).Concat(all.Skip(1).Reverse());
        Assert.Equal(FaultCodes.RosterForked, await RefusalOf(fake, profile));
        fake.Safe.Shown = all => all.Select((e, i) =>
        {
            byte[] changed = e.ToArray();
            changed[^1] ^= (byte)(i == 1 ? 1 : 0);
            return (ReadOnlyMemory<byte>)changed;
        });
        Assert.Equal(FaultCodes.RosterForked, await RefusalOf(fake, profile));
        // The control: the true one passes, and the password is asked (this server has none to compare it with).
        fake.Safe.Shown = all => all;
        Assert.Equal(FaultCodes.Internal, await RefusalOf(fake, profile, asked: 1));
    }

    [Fact(Timeout = 60_000)]
    public async Task What_changed_among_the_members_is_told()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = await ClaimAsync(fake);
        fake.Safe.Roster = With(profile.Roster, profile, "bob");
        using var open = await OpenAsync(fake, profile);
        Assert.Contains(device.Told, r => r.Detail.StartsWith("2 members, 2 devices, bob added by anna since", StringComparison.Ordinal));
        Assert.Equal(2, SafeProfile.Load(device.Places, "ledger").Known.Entries);
    }

    [Theory(Timeout = 60_000)]
    [InlineData(State.Closing, "closing")]
    [InlineData(State.Faulted, "faulted")]
    [InlineData(State.Unclaimed, "unclaimed")]
    public async Task A_safe_that_cannot_be_opened_says_so_before_the_password_is_asked(State state, string code)
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = device.Own(fake.Safe);
        fake.Safe.State = state;
        Assert.Equal(code, (await RefusalOf(fake, profile)).Code);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_member_whom_an_owner_adds_joins_and_opens_with_a_password_of_his_own()
    {
        await using var fake = await FakeServer.StartAsync();
        using var anna = await ClaimAsync(fake);
        using var bob = new TestDevice();
        var id = Wait(bob, "bob");
        using var server = TestDevice.ServerOf(fake, anna);
        var addition = new MemberAddition(anna, server);
        var (entry, resulting) = await addition.PrepareAsync(id, owner: false, Stop);
        using var password = await device.AskAsync();
        var address = await addition.AuthoriseAsync(entry, resulting, password, Stop);
        Assert.Equal("10.77.16.3", address.DeviceAddress.ToString());

        using var joined = await JoinAsync(bob, fake, AddressFile.Parse(address.Write()), "bob's own long password");
        Assert.Null(joined.Keys.FirstSeed);
        using var open = await new SafeOpening(joined, bob.Steps, () => bob.AskAsync("bob's own long password")).RunAsync(Stop, Connect(fake, joined));
        Assert.NotNull(open.Opened);
        var again = await Assert.ThrowsAsync<FaultException>(() => addition.PrepareAsync(id, owner: false, Stop));
        Assert.Equal(FaultCodes.MemberExists, again.Code);
    }

    [Fact(Timeout = 60_000)]
    public async Task An_address_of_another_device_is_refused_before_anything_is_sent()
    {
        await using var fake = await FakeServer.StartAsync();
        Wait(device, "anna");
        var fault = await Assert.ThrowsAsync<FaultException>(() => JoinAsync(device, fake, fake.Safe.AddressFor(DeviceId.Random(), 0), "never asked for"));
        Assert.Equal(FaultCodes.OtherSafe, fault.Code);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_join_whose_answer_was_lost_is_finished_by_the_next_one_without_a_password()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = await ClaimAsync(fake);
        var profiles = new Profiles(device.Places);
        profiles.KeepPending(profile.Keys);
        Directory.Delete(Path.Combine(device.Places.Config, "ledger"), recursive: true);
        int asked = device.Asked;
        using var bound = await JoinAsync(device, fake, profile.Address with { Safe = null, Head = null, Entries = 0 }, "not needed");
        Assert.Equal(profile.Roster.Safe, bound.Roster.Safe);
        Assert.Equal(asked, device.Asked);
    }

    public void Dispose() => device.Dispose();

    [Fact]
    public async Task A_renewal_whose_answer_is_lost_is_asked_for_again_without_the_password()
    {
        await using var fake = await FakeServer.StartAsync();
        using var profile = await ClaimAsync(fake);
        using var first = await OpenAsync(fake, profile);
        int asked = device.Asked;
        fake.Safe.LostAnswers = 2;
        var renewal = new SafeOpening(profile, device.Steps, () => device.AskAsync()) { Renews = TimeSpan.FromSeconds(60) };
        using var fresh = await renewal.RunAsync(Stop, Connect(fake, profile));
        Assert.Equal(fake.Safe.Session, fresh.Opened.Session.ToByteArray());
        Assert.Equal((asked + 1, 4), (device.Asked, fake.Safe.Opens));

        // Not for ever, and not the first opening: nothing is lost by that.
        fake.Safe.LostAnswers = 1;
        renewal = new SafeOpening(profile, device.Steps, () => device.AskAsync()) { Renews = TimeSpan.Zero };
        Assert.Equal(FaultCodes.NoServer, (await Assert.ThrowsAsync<FaultException>(() => renewal.RunAsync(Stop, Connect(fake, profile)))).Code);
        fake.Safe.LostAnswers = 1;
        Assert.Equal(FaultCodes.NoServer, (await Assert.ThrowsAsync<FaultException>(() => OpenAsync(fake, profile))).Code);
    }

    private static IdFile Wait(TestDevice device, string name)
    {
        using var keys = DeviceKeys.Generate(name, "laptop", Argon2Parameters.Floor);
        new Profiles(device.Places).KeepPending(keys);
        return keys.CreateId();
    }

    private async Task<SafeProfile> ClaimAsync(FakeServer fake)
    {
        var id = Wait(device, "anna");
        fake.Safe.FirstOwner = id;
        return await JoinAsync(device, fake, fake.Safe.AddressFor(id.Identity.Device, 0), "correct horse battery");
    }

    private static Task<SafeProfile> JoinAsync(TestDevice device, FakeServer fake, AddressFile address, string password) =>
        new Joining(new Profiles(device.Places), device.Steps, () => device.AskAsync(password)).RunAsync(
            address, Stop, (keys, _) => Task.FromResult((TestDevice.ServerOf(fake, address, keys), Present(address))));

    private async Task<OpenedSafe> OpenAsync(FakeServer fake, SafeProfile profile, string password = "correct horse battery") =>
        await new SafeOpening(profile, device.Steps, () => device.AskAsync(password)).RunAsync(Stop, Connect(fake, profile));

    private async Task<FaultCode> RefusalOf(FakeServer fake, SafeProfile profile, int asked = 0)
    {
        var fault = await Assert.ThrowsAsync<FaultException>(() => OpenAsync(fake, profile));
        Assert.Equal(asked, device.Asked);
        Assert.Equal(0, asked == 0 ? fake.Safe.Opens : 0);
        return fault.Code;
    }

    private static Func<CancellationToken, Task<(Server, DeviceTunnel)>> Connect(FakeServer fake, SafeProfile profile) =>
        _ => Task.FromResult((TestDevice.ServerOf(fake, profile), Present(profile.Address)));

    private static DeviceTunnel Present(AddressFile address) => DeviceTunnel.Of(SafeProfile.TunnelOf(address), "test");

    private static SafeRoster With(SafeRoster roster, SafeProfile owner, string name)
    {
        using var keys = DeviceKeys.Generate(name, "desktop", Argon2Parameters.Floor);
        using var seed = KemKeyPair.NewSeed();
        return roster.Extend(AddMember.Sign(roster, owner.Keys.Device, owner.Keys.Signing, keys.Identity(seed), owner: false));
    }
}
