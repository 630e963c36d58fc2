using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Client.Network;
using Safes.Client.Rules;
using Safes.Client.Session;
using Safes.Client.Ssh;
using Safes.Contracts;
using Safes.Rules;

namespace Safes.Cli.Commands;

/// <summary>Who reaches whom inside, and what owners change of it.</summary>
internal static class NetCommand
{
    public static Command Create() => new Command("net", "Show who reaches whom in the safe and what was refused; cut hosts apart, open single ports to members.")
    {
        Group(), Expose(), Conceal(), Names(),
    }.With("safe net", "safe net group ci build runner", "safe net expose lab:8888 --to members").Does(async run =>
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        var view = await InsideView.FetchAsync(held.Server, run.Stop).ConfigureAwait(false);
        var book = await BookAsync(run, new RuleChange(profile, held.Server)).ConfigureAwait(false);
        foreach (string line in NetLines.Text(view, book))
        {
            run.Screen.Say(line);
        }

        run.Screen.Result(NetLines.Json(profile.Name, view, book));
    });

    private static Command Group()
    {
        var name = new Argument<string>("NAME") { Description = "The group" };
        var hosts = new Argument<string[]>("HOST") { Description = "All hosts that are to be in it", Arity = ArgumentArity.ZeroOrMore, CompletionSources = { Known.Hosts } };
        var dissolve = new Option<bool>("--dissolve") { Description = "Let its hosts reach the others again" };
        return new Command("group", "Let hosts reach each other and no others.") { name, hosts, dissolve }
            .With("safe net group ci build runner", "safe net group ci --dissolve").Does(run =>
            {
                string group = HostPortText.CheckHost(run.Get(name)!);
                string[] members = [.. (run.Get(hosts) ?? []).Select(HostPortText.CheckHost).Distinct()];
                if (run.Get(dissolve) == members.Length > 0)
                {
                    throw new FaultException(FaultCodes.Usage, ("what", "a group is given its hosts, or --dissolve"));
                }

                return AppendAsync(run, view => members.ToList().ForEach(h => view.Find(h)), _ => new GroupRule(group, members),
                    _ => members.Length == 0 ? $"group {group} dissolved" : $"group {group}: {string.Join(", ", members)} reach each other and nobody else");
            });
    }

    private static Argument<string> Service() => new("HOST:PORT") { Description = "A TCP port of a host", CompletionSources = { Known.Hosts } };

    private static Command Expose()
    {
        var service = Service();
        var to = new Option<string>("--to") { Description = "To whom", HelpName = "members", DefaultValueFactory = _ => "members" };
        to.AcceptOnlyFromAmong("members");
        var yes = new Option<bool>("--yes") { Description = "Do not ask: the gateway may see what passes" };
        return new Command("expose", "Let members with a session reach a port of a host over the VPN, in clear for the gateway.") { service, to, yes }
            .With("safe net expose lab:8888 --to members").Does(run =>
        {
            var wanted = HostPortText.Parse(run.Get(service)!);
            return AppendAsync(run, view =>
            {
                if (wanted.Port == 22 || view.Find(wanted.Host).Exposed.Contains((uint)wanted.Port))
                {
                    throw new FaultException(FaultCodes.AlreadyExposed, ("service", $"{wanted}"));
                }
            }, _ => new ExposeRule(wanted.Host, wanted.Port), view => $"members reach {wanted} at {Printable.Line(view.Find(wanted.Host).Address)}:{wanted.Port}",
            // The VPN ends in the gateway, which is the supplier's: what is said inside TLS or SSH alone is nobody else's.
            () => Terminal.Confirmation.RequireAsync(run, run.Get(yes),
                $"What passes {wanted} is in clear in the gateway: who has that reads it, passwords too, and can change it, " +
                $"unless the service has TLS of its own. `safe forward {wanted}` is encrypted up to the host. Open it to the members? [y/N] "));
        });
    }

    private static Command Conceal()
    {
        var service = Service();
        return new Command("conceal", "Take that back; who is connected is cut off.") { service }.With("safe net conceal lab:8888").Does(run =>
        {
            var wanted = HostPortText.Parse(run.Get(service)!);
            return AppendAsync(run, _ => { }, book => new RemoveRule(
                book.Standing.FirstOrDefault(s => s.Rule is ExposeRule e && e.Host == wanted.Host && e.Port == wanted.Port)?.Number
                    ?? throw new FaultException(FaultCodes.RuleRefused, ("why", $"{wanted} is not open to members"))), _ => $"members do not reach {wanted} any more");
        });
    }

    private static Command Names() => new Command("names", "Print the hosts' names as lines for /etc/hosts.").With("safe net names | sudo tee -a /etc/hosts").Does(async run =>
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        var view = await InsideView.FetchAsync(held.Server, run.Stop).ConfigureAwait(false);
        SshHost[] hosts = [.. view.Reply.Hosts.Select(h => SshNames.HostOf(h.Name, h.Address, held.Profile.Address.Hosts)).OfType<SshHost>()];
        string zone = SshNames.Zone(held.Zone, held.Profile.Name);
        foreach (string line in DeviceNames.Lines(zone, hosts))
        {
            run.Screen.Say(line);
        }

        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["names"] = new JsonObject(hosts.Select(h => KeyValuePair.Create($"{h.Name}.{zone}", (JsonNode?)h.Address))) });
    });

    // Rules that are not whole let nothing out; what is inside is shown all the same.
    private static async Task<RuleBook?> BookAsync(Invocation run, RuleChange rules)
    {
        try
        {
            return await rules.FetchAsync(run.Stop).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Code == FaultCodes.RulesDamaged)
        {
            return null;
        }
    }

    /// <summary>Looks first whether the rule makes sense for the hosts there are, and asks where there is something to ask; then signs it and hands it over.</summary>
    private static async Task AppendAsync(
        Invocation run, Action<InsideView> check, Func<RuleBook, Rule> rule, Func<InsideView, string> done, Func<Task>? ask = null)
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        var rules = new RuleChange(profile, held.Server);
        var view = await InsideView.FetchAsync(held.Server, run.Stop).ConfigureAwait(false);
        check(view);
        if (ask is not null)
        {
            await ask().ConfigureAwait(false);
        }

        var made = rule(await rules.FetchAsync(run.Stop).ConfigureAwait(false));
        var book = await rules.AppendAsync(made, run.Stop).ConfigureAwait(false);
        run.Screen.Show(new Client.Reports.Report(Client.Reports.ReportKind.Done, "net", done(view)));
        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["number"] = book.Entries.Count, ["done"] = done(view) });
    }
}
