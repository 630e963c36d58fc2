using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Enrolment;

/// <summary>
/// A device joins a safe: the first owner's makes volume and key come to be, a later member's puts its own password in place of
/// the seed of its id. No secret was handed over before, and none lies on the device afterwards that tests the password.
/// </summary>
public sealed class Joining(Profiles profiles, Steps steps, Func<Task<SecretBuffer>> askPassword)
{
    /// <summary>Who joins is to own it, alone or with others.</summary>
    public bool AsOwner { get; init; }

    /// <summary>The fingerprint of an owner's device, as the person who joins was told it.</summary>
    public string? Owner { get; init; }

    /// <summary>Asks whoever joins a safe of somebody else's whether that is whom he expects.</summary>
    public Func<SafeRoster, Task> ConfirmOwners { get; init; } = _ => Task.CompletedTask;

    private static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(60), ClaimLimit = TimeSpan.FromMinutes(10);

    /// <param name="address">Where to.</param>
    /// <param name="stop">Gives up.</param>
    /// <param name="connect">Makes tunnel and connection; tests have their own.</param>
    /// <returns>The profile, bound to the safe.</returns>
    public async Task<SafeProfile> RunAsync(
        AddressFile address, CancellationToken stop, Func<DeviceKeys, CancellationToken, Task<(Server, DeviceTunnel)>>? connect = null)
    {
        if (!SafeName.IsValid(address.Name))
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", "that address"), ("why", $"'{address.Name}' is no name for a safe: {SafeName.Rule}"));
        }

        if (profiles.Names.Contains(address.Name))
        {
            throw new FaultException(FaultCodes.AlreadyJoined, ("what", $"this device belongs to a safe named '{address.Name}' already"));
        }

        using var keys = profiles.OpenPending();
        if (address.Device != keys.Device)
        {
            throw new FaultException(
                FaultCodes.OtherSafe, ("what", "that address"), ("why", $"it was made for another device than the one whose id waits here ({keys.MemberName}, {keys.DeviceName})"));
        }

        connect ??= (own, time) => Reaching.ConnectAsync(steps, profiles.Places, address, own, time);
        var (server, tunnel) = await connect(keys, stop).ConfigureAwait(false);
        try
        {
            var hello = await Reaching.HelloAsync(steps, server, "server is the pinned one", stop).ConfigureAwait(false);
            var (roster, images) = hello switch
            {
                { State: State.Unclaimed } when address.Safe is null => await ClaimAsync(server, keys, stop).ConfigureAwait(false),
                { State: State.Unclaimed } => throw new FaultException(FaultCodes.Unclaimed),
                // The answer to an earlier join may have been lost on the way.
                { Joined: true } => (await TellOwnersAsync(await server.FetchRosterAsync(null, stop).ConfigureAwait(false), keys).ConfigureAwait(false), hello.Images.ToNames()),
                _ when address.Safe is null => throw new FaultException(FaultCodes.AlreadyJoined, ("what", "this safe has its owner already")),
                _ => await JoinAsync(server, keys, stop).ConfigureAwait(false),
            };
            if (roster.FindDevice(keys.Device) is not { Joined: true } device || !device.TlsPin.AsSpan().SequenceEqual(TlsIdentity.Pin(keys.Tls)))
            {
                throw new FaultException(FaultCodes.UnknownDevice);
            }

            keys.ForgetFirstSeed();
            ClockWitness.Keep(SafeProfile.Bind(profiles.Places, address, keys, roster, new Known(roster.Count, "", 0, images, Owners.Of(roster))));
            profiles.DropPending();
            steps.Tell(new Report(ReportKind.Done, "images it will run", Images.Words(images)));
            return SafeProfile.Load(profiles.Places, address.Name);
        }
        finally
        {
            server.Dispose();
            await tunnel.RemoveAsync().ConfigureAwait(false);
        }
    }

    private async Task<(SafeRoster Roster, Dictionary<string, string> Images)> ClaimAsync(Server server, DeviceKeys keys, CancellationToken stop)
    {
        Owners.ExpectMyself(Fingerprint.Of(SigningKey.PublicKey(keys.Signing)), Owner);
        using var password = await askPassword().ConfigureAwait(false);
        var key = await server.GetOneTimeKeyAsync(stop).ConfigureAwait(false);
        if (key.ServerShare.Length != 32)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", "it gave no share of the key"));
        }

        using var seed = KemKeyPair.NewSeed();
        using var share = SecretBuffer.Random(32);
        var address = server.Address;
        var genesis = Genesis.Sign(keys.Signing, keys.Identity(seed), address.ServerPin, address.GatewayKey, address.Init, key.ServerShare.Span);
        var roster = SafeRoster.Replay([genesis.Bytes]);
        using var ck = Sealing.Hash(keys, password, roster.Safe);
        var request = new ClaimRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.Claim, roster.Safe, keys, address, key, genesis.Bytes.Span, ck, seed, share),
            Genesis = ByteString.CopyFrom(genesis.Bytes.Span),
        };
        steps.Tell(new Report(ReportKind.Began, "volume and key") { WaitsFor = "the server to make the volume" });
        await foreach (var progress in server.Calls.StreamAsync((c, o) => c.Claim(request, o), ClaimLimit, stop).ConfigureAwait(false))
        {
            ServerSteps.Tell(steps, progress.Step);
        }

        steps.Tell(new Report(ReportKind.Done, "you are its first owner", "the key was made just now, from both sides"));
        var hello = await server.HelloAsync(stop).ConfigureAwait(false);
        var shown = await server.FetchRosterAsync(null, stop).ConfigureAwait(false);
        shown.CheckContinues(roster.Position);
        steps.Tell(new Report(ReportKind.Done, "owners", Owners.Words(shown, keys.Device)));
        return (shown, hello.Images.ToNames());
    }

    /// <summary>Before anything of this device's leaves it.</summary>
    private async Task<SafeRoster> TellOwnersAsync(SafeRoster roster, DeviceKeys keys)
    {
        bool mine = Owners.Is(roster, keys.Device);
        steps.Tell(new Report(mine ? ReportKind.Done : ReportKind.Notice, "owners", Owners.Words(roster, keys.Device)));
        Owners.Expect(roster, keys.Device, AsOwner, Owner);
        if (!mine && Owner is null)
        {
            await ConfirmOwners(roster).ConfigureAwait(false);
        }

        return roster;
    }

    private async Task<(SafeRoster Roster, Dictionary<string, string> Images)> JoinAsync(Server server, DeviceKeys keys, CancellationToken stop)
    {
        var roster = await server.FetchRosterAsync(null, stop).ConfigureAwait(false);
        if (roster.FindDevice(keys.Device) is null)
        {
            throw new FaultException(FaultCodes.UnknownDevice);
        }

        steps.Tell(new Report(ReportKind.Done, "members", $"{Membership.Words(roster)}, as in your address"));
        await TellOwnersAsync(roster, keys).ConfigureAwait(false);
        using var password = await askPassword().ConfigureAwait(false);
        using var ck = Sealing.Hash(keys, password, roster.Safe);
        using var fresh = KemKeyPair.NewSeed();
        var key = await server.GetOneTimeKeyAsync(stop).ConfigureAwait(false);
        if (!key.Head.Span.SequenceEqual(roster.Head.Span))
        {
            throw new FaultException(FaultCodes.Moved);
        }

        var entry = Rekey.Sign(roster, keys.Device, keys.Signing, KemKeyPair.PublicKey(fresh));
        var resulting = roster.Extend(entry);
        var request = new JoinRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.Join, roster.Safe, keys, server.Address, key, entry.Bytes.Span, ck, keys.FirstSeed!, fresh),
            Entry = ByteString.CopyFrom(entry.Bytes.Span),
        };
        steps.Tell(new Report(ReportKind.Began, "joined") { WaitsFor = "the server" });
        var reply = await server.Calls.CallAsync((c, o) => c.JoinAsync(request, o), JoinLimit, stop).ConfigureAwait(false);
        if (!reply.Head.Span.SequenceEqual(resulting.Head.Span))
        {
            throw new FaultException(FaultCodes.RosterForked, ("why", "its answer is about another list of members"));
        }

        steps.Tell(new Report(ReportKind.Done, "you joined", "from now on it opens with your own password"));
        return (resulting, reply.Images.ToNames());
    }
}
