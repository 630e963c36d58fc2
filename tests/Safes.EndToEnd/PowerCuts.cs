using System.Globalization;
using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>
/// A safe whose server loses its power at random moments of what is done with it. Its disk has then what an honest disk would have; the
/// server starts with that, the member opens with her password, and everything that was ever reported as synced is there.
/// </summary>
internal sealed class PowerCuts : IDisposable
{
    private enum Act
    {
        Writing,
        Opening,
        Leaving,
        AddingAMember,
    }

    /// <summary>How long each takes at most, so that a cut falls into it.</summary>
    private static readonly Dictionary<Act, double> Lasts = new() { [Act.Writing] = 1.5, [Act.Opening] = 3, [Act.Leaving] = 0.8, [Act.AddingAMember] = 2.5 };

    private readonly Options options;
    private readonly Stage stage;
    private readonly World world;
    private readonly Server server;
    private readonly Person anna, newcomer;
    private readonly ServerDisk disk;
    private readonly Load load;
    private readonly Random random;
    private readonly HashSet<string> asked = ["anna"], added = ["anna"];

    public PowerCuts(Options options, Stage stage)
    {
        (this.options, this.stage, random) = (options, stage, new Random(options.Seed));
        world = new World(options);
        server = new Server(world, options);
        anna = new Person(world, options, "anna", "correct horse battery staple");
        newcomer = new Person(world, options, "eve", "");
        disk = new ServerDisk(options, world.Disks);
        load = new Load(world, disk);
    }

    public async Task HappenAsync()
    {
        stage.Chapter($"{options.PowerCuts} power cuts, seed {options.Seed}");
        await disk.MakeAsync(1L << 30);
        await world.MakeAsync();
        await anna.IdAsync("laptop");
        await server.InitAsync(anna, "256M");
        await server.RunAsync();
        await anna.DoAsync(["join", anna.At("ledger.safeaddress"), "--yes"], secret: true);
        await anna.DoAsync(["open", "ledger"], secret: true);
        await load.StartAsync();
        stage.Fact("control: while open, root on the server reads what is written", await load.IsReadableAsync());
        var acts = new List<Act>();
        for (int n = 1; n <= options.PowerCuts; n++)
        {
            if (acts.Count == 0)
            {
                acts = [.. Enum.GetValues<Act>()];
                random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(acts));
            }

            await CutAsync(n, acts[0]);
            acts.RemoveAt(0);
        }

        await LieAsync();
    }

    private async Task CutAsync(int n, Act act)
    {
        string member = $"member {n}";
        await PrepareAsync(act, member);
        double delay = random.NextDouble() * Lasts[act];
        long begun = disk.Logged;
        var doing = DoAsync(act, member);
        await Task.Delay(TimeSpan.FromSeconds(delay));
        await disk.CutAsync();
        bool acknowledged = act == Act.AddingAMember && doing.IsCompletedSuccessfully && (await doing).Exit == 0;
        await PowerOffAsync();
        await doing;
        if (acknowledged)
        {
            added.Add(member);
        }

        // Her device, which has seen the roster that the server had at the end, is not cut back with it.
        long cut = act == Act.AddingAMember ? disk.Logged : disk.Moment(random, begun);
        load.Forget(cut);
        var (durable, late) = await Task.Run(() => disk.Settle(random, cut));
        int readable = await Task.Run(() => Scan.Count(disk.Durable, Load.Canary));
        await StartAsync();
        string? wrong = await IsClosedAsync() ?? await RefusesAsync() ?? await OpensAsync();
        (string seen, string? lost) = wrong is null ? await load.LookAsync() : ("", null);
        wrong ??= lost ?? (readable > 0 ? $"plaintext on the disk, {readable} times" : null) ?? await MembersAsync();
        stage.Fact(
            string.Create(CultureInfo.InvariantCulture, $"cut {n}: power off {delay:0.00} s into {Words(act)}{(acknowledged ? ", which was acknowledged" : "")}"), wrong is null,
            $"{durable} requests durable, {late} after the last flush; {seen} {wrong}");
    }

    /// <summary>The control: a disk that says it has flushed what it has not loses what was reported, and that is seen.</summary>
    private async Task LieAsync()
    {
        await PrepareAsync(Act.Writing, "");
        long flushed = disk.Logged;
        await load.MoreThanAsync(load.Count + 12);
        await disk.CutAsync();
        await PowerOffAsync();
        await Task.Run(() => disk.Settle(random, flushed));     // and nothing is forgotten
        await StartAsync();
        string? opens = await OpensAsync();
        string? lost = opens is null ? (await load.LookAsync()).Wrong : opens;
        stage.Fact("control: after a disk that lies about flushing, what was lost is seen to be lost", lost is not null, lost ?? "");
    }

    private async Task PrepareAsync(Act act, string member)
    {
        await load.StopAsync();
        if (act == Act.Opening)
        {
            await anna.DoAsync(["leave"]);
            await server.UntilAsync("closed", TimeSpan.FromSeconds(60));
            return;
        }

        if (act != Act.Leaving)
        {
            await load.StartAsync();
        }

        if (act == Act.AddingAMember)
        {
            // Each is somebody else with a device of their own.
            Directory.Delete(newcomer.Home, recursive: true);
            Directory.CreateDirectory(newcomer.Home);
            var made = await newcomer.SafeAsync(["id", "--name", member, "--device", "laptop", "--out", newcomer.At("new.safeid")]);
            if (made.Exit != 0)
            {
                throw new InvalidOperationException(made.Error);
            }

            asked.Add(member);
        }
    }

    private async Task<ToolOutput> DoAsync(Act act, string member) => act switch
    {
        Act.Opening => await anna.SafeAsync(["open", "ledger"], secret: true),
        Act.Leaving => await anna.SafeAsync(["leave"]),
        Act.AddingAMember => await anna.SafeAsync(["member", "add", newcomer.At("new.safeid"), "--yes", "--out", anna.At($"{member}.safeaddress")], secret: true),
        _ => new ToolOutput(0, "", ""),
    };

    /// <summary>Nothing that lives in memory outlives it; the members' devices had their plug in the same socket.</summary>
    private async Task PowerOffAsync()
    {
        await Traces.StopAsync(world.Home);
        await load.StopAsync();
        if (Directory.Exists(world.RunRoot))
        {
            Directory.Delete(world.RunRoot, recursive: true);
        }
    }

    private async Task StartAsync()
    {
        await disk.StartAsync();
        await world.MakeAsync();
        await server.RunAsync();
        await server.UntilAsync("up, pid", TimeSpan.FromMinutes(1));
    }

    private async Task<string?> IsClosedAsync()
    {
        string status = (await server.SafedAsync(["status", "ledger"])).Output, loops = await Tool.RunAsync("losetup", ["--associated", world.Volume]);
        return status.Contains("closed", StringComparison.Ordinal) && loops.Trim().Length == 0 ? null : $"it comes up otherwise than closed: {status}{loops}";
    }

    private async Task<string?> RefusesAsync()
    {
        var wrong = await anna.SafeAsync(["open", "ledger"], secret: true, other: "not my password at all");
        return wrong.Exit == 30 ? null : $"another password: {wrong.Exit} {wrong.Error}";
    }

    private async Task<string?> OpensAsync()
    {
        var open = await anna.SafeAsync(["open", "ledger"], secret: true);
        return open.Exit == 0 ? null : $"it does not open: {open.Exit} {open.Output}{open.Error}";
    }

    /// <summary>Whoever was admitted is there, and nobody else but one whose admission was cut.</summary>
    private async Task<string?> MembersAsync()
    {
        var list = await anna.SafeAsync(["member", "list", "--json"]);
        string[] names = [.. JsonNode.Parse(list.Output)!["members"]!.AsArray().Select(m => (string)m!["name"]!)];
        string? wrong = added.IsSubsetOf(names) && asked.IsSupersetOf(names) ? null : $"members are {string.Join(", ", names)}";
        added.UnionWith(names);
        asked.IntersectWith(names);
        return wrong;
    }

    private static string Words(Act act) => act switch { Act.AddingAMember => "adding a member", _ => $"{act}".ToLowerInvariant() };

    public void Dispose()
    {
        load.Dispose();
        server.Dispose();
        disk.Dispose();
    }
}
