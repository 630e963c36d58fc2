using Safes.Client.Profile;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Connection;

/// <summary>What a device without a session can find out about its safe now: nothing is opened, no password is asked, no tunnel made.</summary>
/// <param name="Server">True: its server answered, through a tunnel that is up. Null: it was not asked, because none is.</param>
/// <param name="Gateway">Whether the gateway answered; null where the server was asked, or nobody.</param>
/// <param name="State">The safe's, when its server answered.</param>
/// <param name="Why">Why there was no answer.</param>
public sealed record Outlook(bool? Server, bool? Gateway, State State, string Why)
{
    /// <summary>Whether the server has a session of this device.</summary>
    public bool IsHeldHere { get; init; }

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(4);

    /// <summary>Why nobody is asked when the clock may be wrong; what a probe would do is worse than not to know.</summary>
    public const string ClockDoubtful = "this device's clock may be wrong, and a handshake of a later time would lock it out";

    public bool IsAsked => Server is not null || Gateway is not null;

    public bool Answered => Server ?? Gateway ?? false;

    public static async Task<Outlook> LookAsync(SafeProfile profile, CancellationToken stop)
    {
        try
        {
            return DeviceTunnel.IsUp(profile.Tunnel) ? await AskServerAsync(profile, stop).ConfigureAwait(false)
                : !ClockWitness.IsTrusted(profile) ? new Outlook(null, null, State.Unknown, ClockDoubtful)
                : new Outlook(null, await GatewayProbe.AnswersAsync(profile.Tunnel, profile.Keys.WireGuard, stop).ConfigureAwait(false), State.Unknown, "");
        }
        catch (FaultException e) when (e.Code == FaultCodes.NoTunnel)
        {
            return new Outlook(null, false, State.Unknown, "its name is not known here");
        }
    }

    private static async Task<Outlook> AskServerAsync(SafeProfile profile, CancellationToken stop)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
        time.CancelAfter(Limit);
        using var server = new Server(profile.Address, profile.Keys);
        try
        {
            var hello = await server.HelloAsync(time.Token).ConfigureAwait(false);
            return new Outlook(true, null, hello.State, "") { IsHeldHere = hello.Holding };
        }
        catch (FaultException e)
        {
            return new Outlook(false, null, State.Unknown, e.Details.GetValueOrDefault("why", e.Code.Code));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return new Outlook(false, null, State.Unknown, $"nothing came within {Limit.TotalSeconds:0} s");
        }
    }
}
