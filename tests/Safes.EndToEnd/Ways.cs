using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>Who reaches whom: names, groups, one open port, one forwarded port; as owners and members do it.</summary>
internal sealed class Ways(Stage stage, Person anna, Person bob, string buildAddress)
{
    private const int Port = 8888, Local = 18888;
    private const string Reach = "timeout 10 bash -c 'exec 3<>/dev/tcp/build.ledger/22' && echo yes || echo no";

    public async Task ShowAsync()
    {
        string known = await anna.WorkAsync("desk.ledger", "getent ahosts build | awk '{print $1}' | sort -u; getent hosts build.ledger >/dev/null && echo named");
        stage.Fact("a host knows the other by name, by IPv6 and IPv4", known.Contains("fd", StringComparison.Ordinal) && known.Contains(buildAddress, StringComparison.Ordinal) && known.EndsWith("named", StringComparison.Ordinal), known.ReplaceLineEndings(" "));
        string six = await anna.WorkAsync("desk.ledger", "timeout 10 bash -c 'exec 3<>/dev/tcp/$(getent ahostsv6 build | head -n 1 | cut -d\" \" -f1)/22; head -c 7 <&3'");
        stage.Fact("and reaches it by IPv6", six == "SSH-2.0", six);
        string asked = await anna.WorkAsync("desk.ledger", "timeout 20 bash -c 'time getent hosts example.org' 2>&1 | grep real; getent hosts example.org || echo unknown");
        stage.Fact("a name of the world is unknown at once: there is nobody to ask", asked.Contains("0m0", StringComparison.Ordinal) && asked.EndsWith("unknown", StringComparison.Ordinal), asked.ReplaceLineEndings(" "));

        await stage.StepAsync("safe net group ci build", () => anna.DoAsync(["net", "group", "ci", "build"]));
        stage.Fact("a host of a group is not reached from outside it", await anna.WorkAsync("desk.ledger", Reach) == "no");
        await anna.DoAsync(["net"]);
        await anna.DoAsync(["net", "group", "ci", "--dissolve"]);
        stage.Fact("and is again when the group is dissolved", await anna.WorkAsync("desk.ledger", Reach) == "yes");

        await anna.WorkAsync("build.ledger", $"cd /tmp && echo hello >index.html && (setsid python3 -m http.server {Port} >/dev/null 2>&1 </dev/null &)");
        var unheard = await bob.SafeAsync(["forward", "build:9"]);
        stage.Fact("a port on which nothing listens is refused before anything is forwarded", unheard.Error.Contains("[nothing-listens]", StringComparison.Ordinal), unheard.Error);
        stage.Fact("bob's device does not reach the service", !await bob.ReachesSoonAsync(buildAddress, Port));
        using (var forward = bob.Begin(["forward", $"build:{Port}", "--port", $"{Local}"]))
        {
            bool reached = false;
            for (var end = BootClock.Now + TimeSpan.FromSeconds(60); !reached && BootClock.Now < end; await Task.Delay(500))
            {
                reached = await bob.ReachesSoonAsync("127.0.0.1", Local);
            }

            forward.KillGroup();
            stage.Fact("safe forward brings it to his own device", reached);
        }

        await stage.StepAsync("safe net expose", () => anna.DoAsync(["net", "expose", $"build:{Port}", "--to", "members", "--yes"]));
        stage.Fact("an open port is reached by every member with a session", await bob.ReachesSoonAsync(buildAddress, Port) && await anna.ReachesSoonAsync(buildAddress, Port));
        await stage.StepAsync("safe net conceal", () => anna.DoAsync(["net", "conceal", $"build:{Port}"]));
        stage.Fact("and by nobody once it is taken back", !await bob.ReachesSoonAsync(buildAddress, Port));

        await anna.DoAsync(["rule", "data-out", "closed"]);
        var shut = await bob.SafeAsync(["ssh", "build", "--", "true"]);
        stage.Fact("closed mode leaves devices no shell, and the command says so", shut.Error.Contains("[no-shell]", StringComparison.Ordinal) && !await bob.ReachesSoonAsync(buildAddress, 22), shut.Error);
        await anna.DoAsync(["rule", "data-out", "free"]);
        stage.Fact("free again, it is as before", await bob.WorkAsync("build.ledger", "echo here") == "here");
    }
}
