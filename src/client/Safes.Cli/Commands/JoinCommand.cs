using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Cli.Terminal;
using Safes.Client.Enrolment;
using Safes.Contracts;
using Safes.Roster;

namespace Safes.Cli.Commands;

internal static class JoinCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("ADDRESSFILE") { Description = "The address that the supplier or the owner sent" };
        var yes = new Option<bool>("--yes") { Description = "The fingerprint was compared already" };
        var fingerprint = new Option<string?>("--fingerprint") { Description = "The fingerprint that you were told", HelpName = "F" };
        var asOwner = new Option<bool>("--as-owner") { Description = "You are to own it: refuse to join if somebody else does and you do not" };
        var owner = new Option<string?>("--owner") { Description = "The fingerprint that its owner told you by voice: refuse to join anybody else's", HelpName = "F" };
        return new Command("join", "Join a safe. The first owner's join makes its key.")
        {
            file, yes, fingerprint, asOwner, owner,
        }.With("safe join ledger.safeaddress", "safe join ledger.safeaddress --as-owner", "safe join ledger.safeaddress --owner KQ3F-7M2P-9XTA-0D4E").Does(async run =>
        {
            var address = Files.ReadAddress(run.Get(file)!);
            run.SafeName = address.Name;
            await Confirmation.FingerprintAsync(
                run, $"Safe '{address.Name}' at {Host(address.Endpoint)}", address.Fingerprint, run.Get(fingerprint), run.Get(yes)).ConfigureAwait(false);
            var joining = new Joining(run.Profiles, run.Steps, () => run.Passwords.AskNewAsync(address.Name))
            {
                AsOwner = run.Get(asOwner),
                Owner = run.Get(owner),
                ConfirmOwners = roster => run.Get(yes) ? Task.CompletedTask : ConfirmOwnersAsync(run, roster),
            };
            using var profile = await joining.RunAsync(address, run.Stop).ConfigureAwait(false);
            run.Screen.Say($"Open it with: safe open {profile.Name}");
            run.Screen.Result(new JsonObject
            {
                ["safe"] = profile.Name,
                ["id"] = profile.Roster.Safe.ToString(),
                ["fingerprint"] = address.Fingerprint,
                ["owner"] = Owners.Is(profile.Roster, profile.Keys.Device),
                ["owners"] = new JsonArray([.. Owners.Of(profile.Roster).Select(o => (JsonNode)o)]),
                ["images"] = new JsonObject(profile.Known.Images.Select(i => KeyValuePair.Create(i.Key, (JsonNode?)i.Value))),
            });
        });
    }

    /// <summary>Whoever meant to own it himself would say yes to a question, and does not type another's name.</summary>
    private static async Task ConfirmOwnersAsync(Invocation run, SafeRoster roster)
    {
        string typed = await Confirmation.ReadAsync(
            run, "Compare the owner's fingerprint by voice. To join a safe that is not yours, type its owner's name: ", "--owner F, the fingerprint that its owner told you").ConfigureAwait(false);
        if (!Owners.IsNamed(roster, typed))
        {
            throw new FaultException(FaultCodes.OtherOwner, ("owners", string.Join(", ", Owners.Of(roster))), ("expected", typed.Trim().Length > 0 ? typed.Trim() : "whom you expect"));
        }
    }

    private static string Host(string endpoint) => endpoint[..endpoint.LastIndexOf(':')];
}
