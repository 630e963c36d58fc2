using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>
/// A working safe, and whatever runs killed at random moments of whatever is being done. Each time the member gets in again, nothing that
/// was synced is lost, and what is closed is closed by what the kernel says. The seed decides what happens when.
/// </summary>
internal sealed partial class Cuts : IDisposable
{
    private enum Act
    {
        Working,
        Opening,
        Leaving,
        AddingAHost,
        StoppingAHost,
        StartingAHost,
    }

    /// <summary>How long each takes at most, so that a cut falls into it.</summary>
    private static readonly Dictionary<Act, double> Lasts = new()
    {
        [Act.Working] = 1,
        [Act.Opening] = 4,
        [Act.Leaving] = 0.8,
        [Act.AddingAHost] = 9,
        [Act.StoppingAHost] = 4,
        [Act.StartingAHost] = 3,
    };

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(20), Bound = TimeSpan.FromSeconds(40), Patience = TimeSpan.FromSeconds(180);

    /// <summary>The host's memory outlives these. After the others it boots anew, which takes long in an emulated machine.</summary>
    private static readonly Act[] Sparing = [Act.Working, Act.Opening, Act.Leaving, Act.AddingAHost];

    private static readonly Victim[] Spares = [Victim.Safed, Victim.Guardian, Victim.Gateway, Victim.Session];

    private readonly Options options;
    private readonly Stage stage;
    private readonly World world;
    private readonly Server server;
    private readonly Person anna;
    private readonly Random random;
    private Workload.Seen seen = Workload.Seen.Nothing;

    public Cuts(Options options, Stage stage)
    {
        (this.options, this.stage, random) = (options, stage, new Random(options.Seed));
        world = new World(options);
        server = new Server(world, options);
        anna = new Person(world, options, "anna", "correct horse battery staple");
    }

    public async Task HappenAsync()
    {
        stage.Chapter($"{options.Cuts} random cuts, seed {options.Seed}");
        await SetUpAsync();
        for (int n = 1; n <= options.Cuts; n++)
        {
            // Every seventh time nobody is there afterwards: no member, no service manager.
            await (n % 7 == 0 ? ForsakenAsync(n) : CutAsync(n));
        }

        stage.Fact("at the end it closes, and the kernel says so", await CloseAsync() is var left && left is null, left ?? "");
    }

    private async Task SetUpAsync()
    {
        await world.MakeAsync();
        await anna.IdAsync("laptop");
        await server.InitAsync(anna);
        string file = Path.Combine(server.State, "config.json");
        var configuration = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        (configuration["lease_seconds"], configuration["challenge_seconds"], configuration["bound_seconds"]) = ((int)Lease.TotalSeconds, 8, (int)Bound.TotalSeconds);
        await File.WriteAllTextAsync(file, configuration.ToJsonString());
        await server.RunAsync();
        await anna.DoAsync(["join", anna.At("ledger.safeaddress"), "--yes"], secret: true);
        await anna.DoAsync(["open", "ledger"], secret: true);
        await server.LearnKeyAsync();
        await anna.DoAsync(["host", "add", "desk"]);
        await anna.WorkAsync("desk.ledger", Workload.Start);
    }

    private async Task CutAsync(int n)
    {
        // One in four may hit whatever there is.
        var (act, victim) = n % 4 == 0 ? (Pick(Enum.GetValues<Act>()), Pick(Enum.GetValues<Victim>())) : (Pick(Sparing), Pick(Spares));
        await PrepareAsync(act);
        double delay = random.NextDouble() * Lasts[act];
        var doing = DoAsync(act);
        await Task.Delay(TimeSpan.FromSeconds(delay));
        int killed = Victims.Kill(victim, world.Home);
        TimeSpan cut = BootClock.Now;
        await RestartAsync();
        var (exit, said) = await doing;
        string? wrong = Crashed(exit, said) ?? await UsableAsync() ?? await LookAsync();
        stage.Fact(
            string.Create(CultureInfo.InvariantCulture, $"cut {n}: {Words(victim)} killed {delay:0.00} s into {Words(act)}"), wrong is null,
            string.Create(CultureInfo.InvariantCulture, $"{killed} killed, the command {Ending(exit, said)}; working again {(BootClock.Now - cut).TotalSeconds:0.0} s later, {seen.Number} numbers, {seen.Commit} committed {wrong}"));
        if (wrong is not null)
        {
            Stage.Say(said.ReplaceLineEndings("\n      "));
        }

        await anna.SafeAsync(["host", "remove", "extra", "--yes"]);
    }

    /// <summary>The last member's link goes, and one of the server's programs is killed or stands still for good; nobody starts anything again.</summary>
    private async Task ForsakenAsync(int n)
    {
        var victim = Pick([Victim.Safed, Victim.Guardian, Victim.Gateway, Victim.Host, Victim.Virtiofsd]);
        bool frozen = random.Next(2) == 0;
        await World.LinkAsync("anna", up: false);
        int hit = frozen ? Victims.Freeze(victim, world.Home) : Victims.Kill(victim, world.Home);
        TimeSpan cut = BootClock.Now, limit = Lease + Bound;
        while (server.HasKey && BootClock.Now - cut < limit)
        {
            await Task.Delay(100);
        }

        TimeSpan took = BootClock.Now - cut;
        bool gone = !server.HasKey;
        if (frozen)
        {
            Victims.Kill(victim, world.Home);
        }

        await World.LinkAsync("anna", up: true);
        await RestartAsync();
        string? wrong = await UsableAsync() ?? await LookAsync();
        stage.Fact($"cut {n}: {Words(victim)} {(frozen ? "frozen" : "killed")} and the link cut for good: the key goes within lease and bound, nothing is lost", gone && hit > 0 && wrong is null,
            string.Create(CultureInfo.InvariantCulture, $"{hit} hit; {(gone ? "gone" : "the key is still there")} after {took.TotalSeconds:0.0} s of {limit.TotalSeconds:0}; {seen.Number} numbers {wrong}"));
    }

    private async Task PrepareAsync(Act act)
    {
        if (act == Act.Opening && await CloseAsync() is { } left)
        {
            stage.Fact("it closes before the next opening", false, left);
        }
        else if (act == Act.StartingAHost)
        {
            await anna.SafeAsync(["host", "stop", "desk"]);
        }
    }

    private async Task<(int Exit, string Said)> DoAsync(Act act)
    {
        var result = act switch
        {
            Act.Opening => await anna.SafeAsync(["open", "ledger"], secret: true, limit: Patience),
            Act.Leaving => await anna.SafeAsync(["leave"], limit: Patience),
            Act.AddingAHost => await anna.SafeAsync(["host", "add", "extra"], limit: Patience),
            Act.StoppingAHost => await anna.SafeAsync(["host", "stop", "desk"], limit: Patience),
            Act.StartingAHost => await anna.SafeAsync(["host", "start", "desk"], limit: Patience),
            _ => new ToolOutput(0, "", ""),
        };
        return (result.Exit, result.Output + result.Error);
    }

    /// <summary>As a service manager does.</summary>
    private async Task RestartAsync()
    {
        if (Victims.Count(Victim.Safed, world.Home) == 0)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            await server.RunAsync();
        }
    }

    /// <summary>The member opens until it is open, and starts the host if its memory was lost.</summary>
    /// <returns>Null, or what is wrong.</returns>
    private async Task<string?> UsableAsync()
    {
        string said = "";
        for (TimeSpan end = BootClock.Now + Patience; BootClock.Now < end;)
        {
            var open = await anna.SafeAsync(["open", "ledger"], secret: true, limit: Patience);
            said = open.Output + open.Error;
            if (Crashed(open.Exit, said) is { } crash)
            {
                return crash;
            }

            if (open.Exit != 0)
            {
                await Task.Delay(1000);
                continue;
            }

            if (await LoginAsync() is not { } refusal)
            {
                return null;
            }

            // Its memory is lost, or its share: then `safe host list` says to stop and start it.
            await anna.SafeAsync(["host", "stop", "desk"], limit: Patience);
            var start = await anna.SafeAsync(["host", "start", "desk"], limit: Patience);
            said += refusal + start.Output + start.Error;
        }

        return $"not usable after {Patience.TotalSeconds:0} s: {said}";
    }

    /// <summary>Null when the host lets her in and has the team's directory, or what ssh says.</summary>
    private async Task<string?> LoginAsync()
    {
        try
        {
            var login = await anna.SshAsync("desk.ledger", "timeout -s KILL 10 stat /safe/load", limit: TimeSpan.FromSeconds(25));
            return login.Exit == 0 ? null : login.Error;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    private async Task<string?> LookAsync()
    {
        try
        {
            (seen, string? wrong) = await Workload.LookAsync(anna, "desk.ledger", seen);
            return wrong;
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            return e.Message;
        }
    }

    /// <summary>Leaves and looks at the kernel; null, or what is left.</summary>
    private async Task<string?> CloseAsync()
    {
        await anna.SafeAsync(["leave"], limit: Patience);
        for (TimeSpan end = BootClock.Now + Lease + Bound; BootClock.Now < end; await Task.Delay(100))
        {
            if (await LeftAsync() is null)
            {
                return null;
            }
        }

        return await LeftAsync();
    }

    private async Task<string?> LeftAsync() =>
        server.HasKey ? "a key is in the kernel"
        : Victims.Count(Victim.Host, world.Home) + Victims.Count(Victim.Virtiofsd, world.Home) > 0 ? "a host runs"
        : (await Tool.RunAsync("losetup", ["--associated", world.Volume])).Trim() is { Length: > 0 } loop ? loop
        : null;

    /// <summary>A command that ends without its own words.</summary>
    private static string? Crashed(int exit, string said) =>
        exit < 0 ? $"the command hung: {said}"
        : exit >= 128 && exit != 130 || said.Contains("nhandled", StringComparison.Ordinal) || said.Contains("   at Safes", StringComparison.Ordinal) ? $"the command crashed ({exit}): {said}"
        : null;

    private static string Ending(int exit, string said) => exit == 0 ? "succeeded" : $"ended with {exit} {Code().Match(said).Value}";

    private T Pick<T>(T[] all) => all[random.Next(all.Length)];

    private static string Words<T>(T value)
        where T : struct, Enum => Capital().Replace($"{value}", m => (m.Index == 0 ? "" : " ") + m.Value.ToLowerInvariant());

    [GeneratedRegex(@"\[[a-z-]+\]")]
    private static partial Regex Code();

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();

    public void Dispose() => server.Dispose();
}
