using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Core;
using Safes.Client.Connection;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Contracts.V1;
using InsideCalls = Safes.Contracts.V1.Inside.InsideClient;

namespace Safes.Cli.Commands;

internal static class HostCommand
{
    private static readonly TimeSpan AddLimit = TimeSpan.FromMinutes(15), StartLimit = TimeSpan.FromMinutes(10), StopLimit = TimeSpan.FromMinutes(3),
        ConsoleLimit = TimeSpan.FromHours(24);

    public static Command Create() => new Command("host", "Add, list, start, stop, restart, resize and remove virtual hosts.")
    {
        Add(), List(), Start(), Stop(), Restart(), Resize(), Remove(), Console(),
    }.With("safe host add build");

    private static Argument<string> Name() => new("NAME") { Description = "The host", CompletionSources = { Known.Hosts } };

    private static Command Add()
    {
        var name = Name();
        var image = new Option<string?>("--image") { Description = "Which image (default: the safe's first)", HelpName = "NAME" };
        var (cpus, memory, disk) = SizeOptions("Such as 2G; the image's own size is there at once", "Such as 20G");
        return new Command("add", "Add a host.")
        {
            name, image, cpus, memory, disk,
        }.With("safe host add build", "safe host add big --cpus 4 --memory 8G --disk 50G").Does(run =>
        {
            var request = new AddHostRequest
            {
                Name = run.Get(name)!,
                Image = run.Get(image) ?? "",
                Cpus = Sizes.Count(run.Get(cpus)),
                MemoryBytes = Sizes.Parse(run.Get(memory)),
                DiskBytes = Sizes.Parse(run.Get(disk)),
            };
            return ProgressAsync(run, request.Name, (c, o) => c.AddHost(request, o), AddLimit);
        });
    }

    private static Command List() => new Command("list", "List the hosts.").With("safe host list --json").Does(async run =>
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        var status = await held.Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, run.Stop).ConfigureAwait(false);
        foreach (string line in HostLines.Text(status.Hosts, DateTimeOffset.UtcNow).DefaultIfEmpty("  no hosts yet: safe host add NAME"))
        {
            run.Screen.Say(line);
        }

        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["zone"] = held.Zone, ["hosts"] = HostLines.Json(status.Hosts) });
    });

    private static Command Start()
    {
        var name = Name();
        var cold = new Option<bool>("--cold") { Description = "Boot it afresh; the memory it was suspended with is given up" };
        return new Command("start", "Start a host.") { name, cold }.With("safe host start desk", "safe host start desk --cold").Does(run =>
        {
            var request = new StartHostRequest { Name = run.Get(name)!, Cold = run.Get(cold) };
            return ProgressAsync(run, request.Name, (c, o) => c.StartHost(request, o), StartLimit);
        });
    }

    private static Command Stop()
    {
        var name = Name();
        return new Command("stop", "Shut a host down.") { name }.With("safe host stop build").Does(run =>
        {
            var request = new HostRequest { Name = run.Get(name)! };
            return ProgressAsync(run, request.Name, (c, o) => c.StopHost(request, o), StopLimit);
        });
    }

    private static Command Restart()
    {
        var name = Name();
        var yes = Yes();
        return new Command("restart", "Shut a host down and boot it afresh; one that does not run is booted.") { name, yes }.With("safe host restart build").Does(async run =>
        {
            var request = new HostRequest { Name = run.Get(name)! };
            try
            {
                await ProgressAsync(run, request.Name, (c, o) => c.StopHost(request, o), StopLimit, last: false).ConfigureAwait(false);
            }
            catch (FaultException e) when (e.Code == FaultCodes.HostStopped)
            {
                // Then there is nothing to stop, but there may be memory that it could not go on from here.
                if (await IsSuspendedAsync(run, request.Name).ConfigureAwait(false))
                {
                    await Terminal.Confirmation.RequireAsync(run, run.Get(yes), $"'{request.Name}' is suspended; booting it afresh gives up what its memory holds. Do that? [y/N] ").ConfigureAwait(false);
                }
            }

            var start = new StartHostRequest { Name = request.Name, Cold = true };
            await ProgressAsync(run, request.Name, (c, o) => c.StartHost(start, o), StartLimit).ConfigureAwait(false);
        });
    }

    private static Command Resize()
    {
        var name = Name();
        var (cpus, memory, disk) = SizeOptions("Such as 2G", "Such as 40G; a disk only grows, its file system with it");
        return new Command("resize", "Give a host other sizes from its next boot on.")
        {
            name, cpus, memory, disk,
        }.With("safe host resize build --memory 4G --cpus 4", "safe host resize build --disk 40G && safe host restart build").Does(run =>
        {
            var request = new ResizeHostRequest
            {
                Name = run.Get(name)!,
                Cpus = Sizes.Count(run.Get(cpus)),
                MemoryBytes = Sizes.Parse(run.Get(memory)),
                DiskBytes = Sizes.Parse(run.Get(disk)),
            };
            return request is { Cpus: 0, MemoryBytes: 0, DiskBytes: 0 }
                ? throw new FaultException(FaultCodes.Usage, ("what", "no size was given"), ("hint", "--memory SIZE, --cpus N or --disk SIZE"))
                : ProgressAsync(run, request.Name, (c, o) => c.ResizeHost(request, o), StopLimit, told: HostLines.Resized);
        });
    }

    private static (Option<uint?> Cpus, Option<string?> Memory, Option<string?> Disk) SizeOptions(string memory, string disk) => (
        new("--cpus") { Description = "How many processors", HelpName = "N" }, new("--memory") { Description = memory, HelpName = "SIZE" },
        new("--disk") { Description = disk, HelpName = "SIZE" });

    private static Command Remove()
    {
        var name = Name();
        var yes = Yes();
        return new Command("remove", "Remove a host with its disk; the share stays.") { name, yes }.With("safe host remove build").Does(async run =>
        {
            var request = new HostRequest { Name = run.Get(name)! };
            await Terminal.Confirmation.RequireAsync(run, run.Get(yes), $"Remove '{request.Name}' with its disk? [y/N] ").ConfigureAwait(false);
            await ProgressAsync(run, request.Name, (c, o) => c.RemoveHost(request, o), StopLimit, gone: true).ConfigureAwait(false);
        });
    }

    private static Option<bool> Yes() => new("--yes") { Description = "Do not ask" };

    private static async Task<bool> IsSuspendedAsync(Invocation run, string name)
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        var status = await held.Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, run.Stop).ConfigureAwait(false);
        return status.Hosts.Any(h => h.Name == name && h.State == "suspended");
    }

    private static Command Console()
    {
        var name = Name();
        var follow = new Option<bool>("--follow") { Description = "Go on as more comes" };
        var last = new Option<uint>("--last") { Description = "How many bytes from the end", HelpName = "N", DefaultValueFactory = _ => 16384 };
        return new Command("console", "Show what a host printed on its console.") { Arguments = { name }, Options = { follow, last }, Aliases = { "log" } }.With("safe host console desk --follow").Does(async run =>
        {
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            var request = new ConsoleRequest { Name = run.Get(name)!, Follow = run.Get(follow), LastBytes = run.Get(last) };
            var decoder = Encoding.UTF8.GetDecoder();
            await foreach (var chunk in held.Server.Inside.StreamAsync((c, o) => c.ReadConsole(request, o), ConsoleLimit, run.Stop).ConfigureAwait(false))
            {
                char[] text = new char[chunk.Data.Length + 4];
                int n = decoder.GetChars(chunk.Data.Span, text, flush: false);
                // A host's console is the host's to write: what would move a terminal's cursor is shown, not obeyed.
                await System.Console.Out.WriteAsync(Printable.Text(new string(text, 0, n).Replace("\r\n", "\n", StringComparison.Ordinal))).ConfigureAwait(false);
            }
        });
    }

    private static async Task ProgressAsync(
        Invocation run, string name, Func<InsideCalls, CallOptions, AsyncServerStreamingCall<Progress>> call, TimeSpan limit, bool gone = false, bool last = true,
        Func<Host, string>? told = null)
    {
        using var profile = run.OpenProfile();
        using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
        Host? host = null;
        var begun = Linux.BootClock.Now;
        run.Screen.Show(new Report(ReportKind.Began, name) { WaitsFor = "the server" });
        await foreach (var progress in held.Server.Inside.StreamAsync(call, limit, run.Stop).ConfigureAwait(false))
        {
            host = progress.Host ?? host;
            if (progress.Step is { } step)
            {
                ServerSteps.Tell(run.Steps, step);
            }
        }

        string detail = gone ? "removed" : told is not null && host is not null ? told(host) : Printable.Line(host?.State ?? "done") + (host?.Note is { Length: > 0 } note ? $" ({Printable.Line(note)})" : "");
        run.Screen.Show(new Report(ReportKind.Done, name, detail + (told is null && host?.State == "running" ? $", ssh {name}.{held.Zone}" : ""))
        {
            Milliseconds = (long)(Linux.BootClock.Now - begun).TotalMilliseconds,
        });
        if (!last)
        {
            return;
        }

        await held.RefreshAsync(run.Stop).ConfigureAwait(false);
        run.Screen.Result(new JsonObject { ["safe"] = profile.Name, ["host"] = host is null ? name : HostLines.Json([host])[0]!.DeepClone() });
    }
}
