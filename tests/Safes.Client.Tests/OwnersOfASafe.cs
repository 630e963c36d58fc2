using Safes.Client.Connection;
using Safes.Client.Enrolment;
using Safes.Client.Opening;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Tests.Fake;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Tests;

/// <summary>Who owns a safe is told by name and fingerprint before a password is given, and is what its signed roster says, whatever came with the address.</summary>
public sealed class OwnersOfASafe : IAsyncLifetime
{
    private readonly TestDevice supplier = new(), anna = new();
    private FakeServer fake = null!;
    private SafeProfile owned = null!;
    private IdFile id = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        fake = await FakeServer.StartAsync();
        owned = await ClaimAsync(supplier, "sam");
        (id, _) = await AddAsync("anna", owner: false, anna);
    }

    public async ValueTask DisposeAsync()
    {
        owned.Dispose();
        supplier.Dispose();
        anna.Dispose();
        await fake.DisposeAsync();
    }

    [Fact(Timeout = 60_000)]
    public async Task A_supplier_who_made_himself_the_owner_is_named_before_the_password()
    {
        Assert.Contains(supplier.Told, r => r is { Name: "owners", Detail: "you are the only owner" });
        string fingerprint = owned.Device.Fingerprint;
        SafeRoster? shown = null;
        var refused = new FaultException(FaultCodes.OtherOwner);
        var joining = new Joining(new Profiles(anna.Places), anna.Steps, () => anna.AskAsync())
        {
            ConfirmOwners = roster =>
            {
                shown = roster;
                throw refused;
            },
        };
        Assert.Same(refused, await Assert.ThrowsAsync<FaultException>(() => RunAsync(joining)));
        Assert.Contains(anna.Told, r => r is { Kind: ReportKind.Notice, Name: "owners" } && r.Detail == $"you are NOT an owner: the owner is sam {fingerprint}");
        Assert.Equal((0, false), (anna.Asked, new Profiles(anna.Places).Names.Any()));
        Assert.True(Owners.IsNamed(shown!, " SAM\n"));
        Assert.False(Owners.IsNamed(shown!, "anna"));
        Assert.False(Owners.IsNamed(shown!, ""));
    }

    [Fact(Timeout = 60_000)]
    public async Task Whoever_is_to_own_a_safe_or_was_told_an_owner_s_fingerprint_joins_no_other_one_s()
    {
        string sam = owned.Device.Fingerprint;
        var fault = await Assert.ThrowsAsync<FaultException>(() => RunAsync(new Joining(new Profiles(anna.Places), anna.Steps, () => anna.AskAsync()) { AsOwner = true }));
        Assert.Equal((FaultCodes.OtherOwner, $"sam {sam}", "you"), (fault.Code, fault.Details["owners"], fault.Details["expected"]));
        fault = await Assert.ThrowsAsync<FaultException>(() => RunAsync(new Joining(new Profiles(anna.Places), anna.Steps, () => anna.AskAsync()) { Owner = id.Fingerprint }));
        Assert.Equal(FaultCodes.OtherOwner, fault.Code);
        Assert.Equal(0, anna.Asked);

        // The control: with the fingerprint that is his, in whatever spelling, she joins and is asked nothing more.
        using var joined = await RunAsync(new Joining(new Profiles(anna.Places), anna.Steps, () => anna.AskAsync())
        {
            Owner = sam.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant(),
            ConfirmOwners = _ => throw new InvalidOperationException("not asked"),
        });
        Assert.Equal([$"sam {sam}"], joined.Known.Owners!);
        Assert.Equal(id.Fingerprint, joined.Device.Fingerprint);
    }

    [Fact(Timeout = 60_000)]
    public async Task Whoever_claims_a_safe_that_another_one_was_to_own_is_stopped_before_the_password()
    {
        using var bob = new TestDevice();
        await using var unclaimed = await FakeServer.StartAsync();
        var own = Wait(bob, "bob");
        unclaimed.Safe.FirstOwner = own;
        var address = unclaimed.Safe.AddressFor(own.Identity.Device, 0);
        Task<SafeProfile> JoinAsync(string fingerprint) => new Joining(new Profiles(bob.Places), bob.Steps, () => bob.AskAsync()) { Owner = fingerprint, AsOwner = true }.RunAsync(
            address, Stop, (keys, _) => Task.FromResult((TestDevice.ServerOf(unclaimed, address, keys), DeviceTunnel.Of(SafeProfile.TunnelOf(address), "test"))));
        Assert.Equal(FaultCodes.OtherOwner, (await Assert.ThrowsAsync<FaultException>(() => JoinAsync(id.Fingerprint))).Code);
        Assert.Equal((0, Contracts.V1.State.Unclaimed), (bob.Asked, unclaimed.Safe.State));
        (await JoinAsync(own.Fingerprint)).Dispose();
    }

    [Fact(Timeout = 60_000)]
    public async Task A_change_of_owners_is_told_before_the_password_even_if_other_commands_have_seen_it()
    {
        using var joined = await RunAsync(new Joining(new Profiles(anna.Places), anna.Steps, () => anna.AskAsync()));
        await OpenAsync(joined);
        Assert.DoesNotContain(anna.Told, r => r.Name == "owners changed");
        Assert.Contains(anna.Told, r => r is { Name: "owners" } && r.Detail.StartsWith("you are NOT an owner: the owner is sam ", StringComparison.Ordinal));

        var (mallory, roster) = await AddAsync("mallory", owner: true, null);
        joined.Remember(roster);    // as `safe member list` does
        for (int given = 0; given < 2; given++)
        {
            // Told again as long as she gives no password for it.
            anna.Told.Clear();
            await Assert.ThrowsAsync<OperationCanceledException>(() => new SafeOpening(joined, anna.Steps, () => throw new OperationCanceledException()).RunAsync(Stop, Connect(joined)));
            Assert.Contains(anna.Told, r => r is { Kind: ReportKind.Notice, Name: "owners changed" }
                && r.Detail == $"they were sam {owned.Device.Fingerprint}; they are sam {owned.Device.Fingerprint}, mallory {mallory.Fingerprint}");
        }

        await OpenAsync(joined);
        anna.Told.Clear();
        await OpenAsync(joined);
        Assert.DoesNotContain(anna.Told, r => r.Name == "owners changed");
    }

    private static IdFile Wait(TestDevice device, string name)
    {
        using var keys = DeviceKeys.Generate(name, "laptop", Argon2Parameters.Floor);
        new Profiles(device.Places).KeepPending(keys);
        return keys.CreateId();
    }

    private Task<SafeProfile> ClaimAsync(TestDevice device, string name)
    {
        var own = Wait(device, name);
        fake.Safe.FirstOwner = own;
        var address = fake.Safe.AddressFor(own.Identity.Device, 0);
        return new Joining(new Profiles(device.Places), device.Steps, () => device.AskAsync()) { AsOwner = true }.RunAsync(
            address, Stop, (keys, _) => Task.FromResult((TestDevice.ServerOf(fake, address, keys), DeviceTunnel.Of(SafeProfile.TunnelOf(address), "test"))));
    }

    private async Task<(IdFile Id, SafeRoster Roster)> AddAsync(string name, bool owner, TestDevice? device)
    {
        using var elsewhere = new TestDevice();
        var added = Wait(device ?? elsewhere, name);
        using var server = TestDevice.ServerOf(fake, owned);
        var addition = new MemberAddition(owned, server);
        var (entry, resulting) = await addition.PrepareAsync(added, owner, Stop);
        using var password = await supplier.AskAsync();
        await addition.AuthoriseAsync(entry, resulting, password, Stop);
        return (added, resulting);
    }

    private Task<SafeProfile> RunAsync(Joining joining)
    {
        var address = fake.Safe.AddressFor(id.Identity.Device, 1);
        return joining.RunAsync(address, Stop, (keys, _) => Task.FromResult((TestDevice.ServerOf(fake, address, keys), DeviceTunnel.Of(SafeProfile.TunnelOf(address), "test"))));
    }

    private async Task OpenAsync(SafeProfile profile)
    {
        using var opened = await new SafeOpening(profile, anna.Steps, () => anna.AskAsync()).RunAsync(Stop, Connect(profile));
    }

    private Func<CancellationToken, Task<(Server, DeviceTunnel)>> Connect(SafeProfile profile) =>
        _ => Task.FromResult((TestDevice.ServerOf(fake, profile), DeviceTunnel.Of(profile.Tunnel, "test")));
}
