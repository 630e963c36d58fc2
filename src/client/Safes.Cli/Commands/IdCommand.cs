using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Client.Enrolment;
using Safes.Contracts;

namespace Safes.Cli.Commands;

internal static class IdCommand
{
    public static Command Create()
    {
        var name = new Option<string?>("--name") { Description = "Your name, as the team knows you", HelpName = "NAME" };
        var device = new Option<string?>("--device") { Description = "This device's name (default: this computer's)", HelpName = "NAME" };
        var path = new Option<string?>("--out") { Description = "The file to write (default: NAME.safeid)", HelpName = "FILE" };
        var again = new Option<bool>("--again") { Description = "Write the id that waits for its address once more" };
        var discard = new Option<bool>("--discard") { Description = "Give up the id that waits for its address" };
        return new Command("id", "Make this device's keys and an id to send to the owner or supplier.")
        {
            name, device, path, again, discard,
        }.With("safe id --name anna --device laptop").Does(run =>
        {
            if (run.Get(discard))
            {
                run.Profiles.DropPending();
                run.Screen.Say("Given up. The id that was sent is of no use any more.");
                run.Screen.Result(new JsonObject { ["discarded"] = true });
                return Task.CompletedTask;
            }

            string? given = run.Get(name);
            if (given is null && !run.Get(again))
            {
                throw new FaultException(FaultCodes.Usage, ("what", "an id needs a name"), ("hint", "safe id --name YOU"));
            }

            var id = run.Get(again) ? Identities.Again(run.Profiles) : Identities.Make(run.Profiles, given!, run.Get(device));
            string file = run.Get(path) ?? $"{id.Identity.MemberName}.safeid";
            File.WriteAllText(file, id.Write());
            run.Screen.Say($"Written: {file} (public). Fingerprint {id.Fingerprint}");
            run.Screen.Say("Send it to the safe's owner or supplier by any way; tell them the fingerprint by voice.");
            run.Screen.Result(new JsonObject
            {
                ["file"] = file,
                ["fingerprint"] = id.Fingerprint,
                ["member"] = id.Identity.MemberName,
                ["device"] = id.Identity.DeviceName,
            });
            return Task.CompletedTask;
        });
    }
}
