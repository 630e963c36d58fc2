using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Cli.Terminal;
using Safes.Client.Enrolment;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Session;
using Safes.Contracts;
using Safes.Roster;

namespace Safes.Cli.Commands;

internal static class MemberCommand
{
    public static Command Create() => new Command("member", "See and change who belongs.") { Add(), List() }.With("safe member list", "safe member add bob.safeid");

    private static Command Add()
    {
        var file = new Argument<string>("FILE.safeid") { Description = "The id that the new member sent" };
        var yes = new Option<bool>("--yes") { Description = "The fingerprint was compared already" };
        var fingerprint = new Option<string?>("--fingerprint") { Description = "The fingerprint that you were told", HelpName = "F" };
        var owner = new Option<bool>("--owner") { Description = "The new member may change membership too" };
        var path = new Option<string?>("--out") { Description = "Where to write the address (default: NAME-SAFE.safeaddress)", HelpName = "FILE" };
        return new Command("add", "Admit a member, with your password.") { file, yes, fingerprint, owner, path }.With("safe member add bob.safeid").Does(async run =>
        {
            var id = Identities.Read(run.Get(file)!);
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            await Confirmation.FingerprintAsync(
                run, $"{id.Identity.MemberName} ({id.Identity.DeviceName})", id.Fingerprint, run.Get(fingerprint), run.Get(yes)).ConfigureAwait(false);
            var addition = new MemberAddition(profile, held.Server);
            var (entry, resulting) = await addition.PrepareAsync(id, run.Get(owner), run.Stop).ConfigureAwait(false);
            run.Screen.Say($"With {id.Identity.MemberName}, '{profile.Name}' has {Membership.Words(resulting)}: {string.Join(", ", resulting.Members.Select(m => m.IsOwner ? $"{m.Name} (owner)" : m.Name))}");
            using var password = await run.Passwords.AskAsync(profile.Name).ConfigureAwait(false);
            run.Screen.Show(new Report(ReportKind.Began, "added") { WaitsFor = "your password's hash, then the server" });
            var address = await addition.AuthoriseAsync(entry, resulting, password, run.Stop).ConfigureAwait(false);
            string written = run.Get(path) ?? $"{id.Identity.MemberName}-{profile.Name}.safeaddress";
            await File.WriteAllTextAsync(written, address.Write(), run.Stop).ConfigureAwait(false);
            run.Screen.Show(new Report(ReportKind.Done, "added", $"{id.Identity.MemberName}, not joined yet"));
            run.Screen.Say($"Send this to {id.Identity.MemberName} (it is not secret):  {written}     fingerprint {address.Fingerprint}");
            run.Screen.Result(new JsonObject
            {
                ["safe"] = profile.Name,
                ["member"] = id.Identity.MemberName,
                ["address"] = written,
                ["fingerprint"] = address.Fingerprint,
            });
        });
    }

    private static Command List() => new Command("list", "List members and their devices.").With("safe member list --json").Does(async run =>
    {
        using var profile = run.OpenProfile();
        using var held = await HeldSafe.FindAsync(profile, run.Stop).ConfigureAwait(false);
        var roster = profile.Roster;
        if (held is not null)
        {
            roster = await held.Server.FetchRosterAsync(profile.Roster, run.Stop).ConfigureAwait(false);
            profile.Remember(roster);
        }

        foreach (var member in roster.Members)
        {
            string devices = string.Join(", ", roster.Devices.Where(d => d.Member == member.Id).Select(d => $"{d.Name} {d.Fingerprint}{(d.Joined ? "" : " (not joined yet)")}"));
            run.Screen.Say($"  {Printable.Line(member.Name),-16}  {(member.IsOwner ? "owner " : "member")}  {Printable.Line(devices)}");
        }

        run.Screen.Detail($"  roster {Keys.Fingerprint.Of(roster.Head.Span)}, {roster.Count} entries{(held is null ? ", as last seen" : "")}");
        run.Screen.Result(Json(profile, roster, held is not null));
    });

    private static JsonObject Json(SafeProfile profile, SafeRoster roster, bool fresh) => new()
    {
        ["safe"] = profile.Name,
        ["fresh"] = fresh,
        ["head"] = Convert.ToHexStringLower(roster.Head.Span),
        ["members"] = new JsonArray([.. roster.Members.Select(m => (JsonNode)new JsonObject
        {
            ["name"] = m.Name,
            ["owner"] = m.IsOwner,
            ["account"] = m.Account,
            ["devices"] = new JsonArray([.. roster.Devices.Where(d => d.Member == m.Id).Select(d => (JsonNode)new JsonObject
            {
                ["name"] = d.Name, ["joined"] = d.Joined, ["fingerprint"] = d.Fingerprint, ["address"] = profile.Address.At(2 + d.Index).ToString(),
            })]),
        })]),
    };
}
