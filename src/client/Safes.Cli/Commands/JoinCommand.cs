using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Cli.Terminal;
using Safes.Client.Enrolment;

namespace Safes.Cli.Commands;

internal static class JoinCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("ADDRESSFILE") { Description = "The address that the supplier or the owner sent" };
        var yes = new Option<bool>("--yes") { Description = "The fingerprint was compared already" };
        var fingerprint = new Option<string?>("--fingerprint") { Description = "The fingerprint that you were told", HelpName = "F" };
        return new Command("join", "Join a safe. The first owner's join makes its key.")
        {
            file, yes, fingerprint,
        }.With("safe join ledger.safeaddress", "safe join ledger.safeaddress --fingerprint 4T9W-0A2B-3C4D-5E6F").Does(async run =>
        {
            var address = Files.ReadAddress(run.Get(file)!);
            run.SafeName = address.Name;
            await Confirmation.FingerprintAsync(
                run, $"Safe '{address.Name}' at {Host(address.Endpoint)}", address.Fingerprint, run.Get(fingerprint), run.Get(yes)).ConfigureAwait(false);
            var joining = new Joining(run.Profiles, run.Steps, () => run.Passwords.AskNewAsync(address.Name));
            using var profile = await joining.RunAsync(address, run.Stop).ConfigureAwait(false);
            run.Screen.Say($"Open it with: safe open {profile.Name}");
            run.Screen.Result(new JsonObject
            {
                ["safe"] = profile.Name,
                ["id"] = profile.Roster.Safe.ToString(),
                ["fingerprint"] = address.Fingerprint,
                ["images"] = new JsonObject(profile.Known.Images.Select(i => KeyValuePair.Create(i.Key, (JsonNode?)i.Value))),
            });
        });
    }

    private static string Host(string endpoint) => endpoint[..endpoint.LastIndexOf(':')];
}
