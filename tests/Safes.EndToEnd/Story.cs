using System.Text.Json.Nodes;

namespace Safes.EndToEnd;

/// <summary>The main job: two people, a server, a working day; then what an adversary finds; then the next day.</summary>
internal sealed class Story : IDisposable
{
    private readonly Options options;
    private readonly Stage stage;
    private readonly World world;
    private readonly Server server;
    private readonly Person anna, bob;
    private StandingSession? standing;
    private Capture? capture;

    public Story(Options options, Stage stage)
    {
        (this.options, this.stage) = (options, stage);
        world = new World(options);
        server = new Server(world, options);
        anna = new Person(world, options, "anna", Secrets[0]);
        bob = new Person(world, options, "bob", Secrets[1]);
    }

    private static string[] Secrets => ["correct horse battery staple", "purple monkey dishwasher 42"];

    public async Task TellAsync()
    {
        await EnrolAsync();
        await WorkAsync();
        await HandOverAsync();
        await new Adversary(stage, world, server).LookAsync();
        await NextDayAsync();
        if (options.Thorough)
        {
            await new Misfortunes(stage, server, bob, standing!).HappenAsync();
        }

        await new Eavesdropper(stage, world, options, Secrets).ListenedAsync(capture!, [anna, bob]);
    }

    private async Task EnrolAsync()
    {
        stage.Chapter("1  A safe for a team: no secret is handed over");
        await world.MakeAsync();
        await anna.IdAsync("laptop");
        await bob.IdAsync("desktop");
        await stage.StepAsync("safed init", () => server.InitAsync(anna));
        await stage.StepAsync("safed answers", server.RunAsync);
        capture = Capture.Start(server, world);
        await stage.StepAsync("safe join (owner: volume and key come to be)",
            () => anna.DoAsync(["join", anna.At("ledger.safeaddress"), "--yes"], secret: true));
    }

    private async Task WorkAsync()
    {
        stage.Chapter("2  The owner opens it and works");
        var wrong = await anna.SafeAsync(["open", "ledger"], secret: true, other: "not my password at all");
        Stage.Show("anna", "safe open ledger      (a wrong password)", wrong.Error);
        stage.Fact("a wrong password is refused and named", wrong is { Exit: 30 } && wrong.Error.Contains("[wrong-password]", StringComparison.Ordinal), $"exit {wrong.Exit}");
        await stage.StepAsync("safe open (first)", () => anna.DoAsync(["open", "ledger"], secret: true));
        await stage.StepAsync("safe host add desk", () => anna.DoAsync(["host", "add", "desk"]));
        await stage.StepAsync("safe host add build", () => anna.DoAsync(["host", "add", "build"]));
        await stage.StepAsync("safe member add bob", () => anna.DoAsync(
            ["member", "add", bob.At("bob.safeid"), "--yes", "--out", bob.At("ledger.safeaddress")], secret: true));
        string who = await stage.StepAsync("ssh login to a new host", () => anna.WorkAsync("desk.ledger", "id -un; hostname; sudo -n id -un; findmnt -no FSTYPE /safe"));
        stage.Fact("plain OpenSSH logs in by certificate, into a host with the team's directory", who.Split('\n') is ["anna", "desk", "root", "virtiofs"], who);

        await stage.StepAsync("source of a C project carried in by sftp", () => anna.SftpAsync("build.ledger", $"put {options.Source} /safe/bzip2.tar.gz\n"));
        string built = await stage.StepAsync("built in the safe, its own test suite run", () => anna.WorkAsync("build.ledger",
            "set -e; mkdir -p ~/src; cd ~/src; tar xzf /safe/bzip2.tar.gz --strip-components=1; make -s all >/safe/build.log 2>&1; make -s test >>/safe/build.log 2>&1; cp bzip2 /safe/bzip2; echo built", TimeSpan.FromMinutes(8)));
        stage.Fact("a real C project builds and passes its own tests inside", built == "built", await anna.WorkAsync("build.ledger", "/safe/bzip2 --help 2>&1 | head -n 1"));

        await File.WriteAllTextAsync(anna.At("plan.txt"), $"{Adversary.Canary}\nfirst draft\n");
        await anna.SftpAsync("desk.ledger", $"put {anna.At("plan.txt")} /safe/{Adversary.Name}\n");
        await anna.WorkAsync("desk.ledger", $"echo 'second draft' >> /safe/{Adversary.Name}");
        await anna.SftpAsync("desk.ledger", $"get /safe/{Adversary.Name} {anna.At("back.txt")}\n");
        stage.Fact("a document is edited over sftp and ssh", (await File.ReadAllTextAsync(anna.At("back.txt"))).EndsWith("first draft\nsecond draft\n", StringComparison.Ordinal));
        await new Carrying(stage, anna).CarryAsync();
        await anna.WorkAsync("desk.ledger", Computation.Start);
        stage.Fact("a long computation runs", int.Parse(await anna.WorkAsync("desk.ledger", Computation.Count)) > 0);
    }

    private async Task HandOverAsync()
    {
        stage.Chapter("3  A second member; then both go");
        await stage.StepAsync("safe join (bob)", () => bob.DoAsync(["join", bob.At("ledger.safeaddress"), "--yes"], secret: true));
        string desk = await AddressOfAsync(anna, "desk");
        stage.Fact("a device on the VPN without a session of its own reaches nothing", !await bob.ReachesAsync(desk, 22), $"{desk} port 22, while anna works");
        await stage.StepAsync("safe open (joining the open safe)", () => bob.DoAsync(["open", "ledger"], secret: true));
        stage.Fact("bob sees the same files from the other host", (await bob.WorkAsync("build.ledger", $"head -n 1 /safe/{Adversary.Name}")) == Adversary.Canary);
        stage.Fact("bob's own account, not anna's", await bob.WorkAsync("build.ledger", "id -un") == "bob");
        standing = bob.Stay("build.ledger");
        stage.Fact("an SSH session of bob's stands", await standing.AskAsync("one", TimeSpan.FromSeconds(60)));
        stage.Fact("anna's device reaches the hosts' SSH (control)", await anna.ReachesAsync(desk, 22));
        await new Ways(stage, anna, bob, await AddressOfAsync(anna, "build")).ShowAsync();
        await stage.StepAsync("safe leave (anna; bob holds it open)", () => anna.DoAsync(["leave"]));
        stage.Fact("it stays open for bob", await bob.WorkAsync("build.ledger", "echo here") == "here");
        stage.Fact("anna's device reaches nothing any more", !await anna.ReachesAsync(desk, 22));
        await new Adversary(stage, world, server).LookWhileOpenAsync();
        var hazards = new Hazards(stage, bob);
        await hazards.HappenAsync();
        string left = await stage.StepAsync("safe leave (the last one: it closes)", () => bob.DoAsync(["leave"]));
        stage.Fact("the last one leaving closes it", left.Contains("closed", StringComparison.Ordinal));
        hazards.Left(left);
    }

    private async Task NextDayAsync()
    {
        stage.Chapter("5  The next day");
        string opened = await stage.StepAsync("safe open (hosts go on)", () => bob.DoAsync(["open", "ledger"], secret: true));
        stage.Fact("the SSH session that was left standing answers", await stage.StepAsync("the standing session's answer", () => standing!.AskAsync("two", TimeSpan.FromSeconds(120))));
        await new Hazards(stage, bob).LostAsync(opened);
        int first = int.Parse(await bob.WorkAsync("desk.ledger", Computation.Count));
        string sound = await bob.WorkAsync("desk.ledger", Computation.Check);
        stage.Fact("the computation goes on, no number lost, its files open", sound == "sound" && int.Parse(await bob.WorkAsync("desk.ledger", Computation.Count)) > first, $"{sound}, at {first}");
        double lag = double.Parse(await bob.WorkAsync("desk.ledger", "date +%s.%N"), System.Globalization.CultureInfo.InvariantCulture) - (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0);
        stage.Fact("the host's clock is right", Math.Abs(lag) < 3, $"{lag:0.0} s off, login included");
        string boot = await bob.WorkAsync("desk.ledger", "journalctl -k -b --no-pager 2>/dev/null | grep -c 'virtual machine fork' || sudo dmesg | grep -c 'virtual machine fork'");
        stage.Fact("its random generator was reseeded at each resume", int.Parse(boot.Split('\n')[^1]) >= 2, $"{boot} times");
        await bob.DoAsync(["status"]);
        await stage.StepAsync("safe leave (again)", () => bob.DoAsync(["leave"]));
        await server.DoAsync(["status", "ledger"]);
    }

    public static void TellWhatToTry(World world, Options options) => Console.WriteLine($"""

        What to try by hand (the safe 'ledger' is closed now; passwords are in tests/Safes.EndToEnd/Story.cs):
          nsenter --net=/run/netns/{World.DeviceOf("anna")} env HOME={options.Home}/anna XDG_CONFIG_HOME={options.Home}/anna/.config bash
            {options.Safe} open ledger
            ssh -F {options.Home}/anna/ssh_config desk.ledger
            {options.Safe} leave
          {options.Safed} status ledger --state-root {world.StateRoot} --run-root {world.RunRoot}
          ./demo --clean        removes every trace
        """);

    private static async Task<string> AddressOfAsync(Person person, string host)
    {
        var result = await person.SafeAsync(["host", "list", "--json"]);
        var hosts = JsonNode.Parse(result.Output) is JsonArray all ? all : JsonNode.Parse(result.Output)!["hosts"]!.AsArray();
        return (string)hosts.First(h => (string)h!["name"]! == host)!["address"]!;
    }

    public void Dispose()
    {
        standing?.Dispose();
        capture?.Dispose();
        server.Dispose();
    }
}
