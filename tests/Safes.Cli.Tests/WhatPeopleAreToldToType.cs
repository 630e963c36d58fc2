using System.CommandLine;
using System.Text;
using Safes.Cli.Commands;
using Safes.Cli.Explaining;
using Safes.Client.Tests.Fake;
using Safes.Client.Transfers;
using Safes.Contracts;
using Safes.Tests;

namespace Safes.Cli.Tests;

/// <summary>Every example of README, the other pages, --help and the hints of faults is one that works.</summary>
public sealed class WhatPeopleAreToldToType : IDisposable
{
    private static readonly IReadOnlyList<string> Told = [.. Typed.Lines("safe"), .. All(Root.Create()).SelectMany(Examples.Of).Where(e => e.StartsWith("safe ", StringComparison.Ordinal))];

    private readonly TestDevice device = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_example_is_understood()
    {
        Assert.InRange(Told.Count, 60, 1000);
        Assert.Contains("safe put report.pdf data/ /safe/in/", Told);
        Assert.Empty(Told.Select(line => (line, Misuse: Misuse.Of(Root.Parse(Typed.Words(line)), Typed.Words(line)))).Where(t => t.Misuse is not null).Select(t => $"{t.line}: {t.Misuse!.Details["what"]}"));
    }

    [Fact]
    public void Every_command_that_a_page_or_a_hint_names_exists_with_its_options()
    {
        string[] hints = [.. FaultCodes.All.Select(c => Explain.Of(new FaultException(c), "ledger").Hint).OfType<string>().Where(h => h.StartsWith("safe ", StringComparison.Ordinal))];
        string[] named = [.. Typed.Mentions("safe"), .. hints.Select(h => h.Split([",", ":", " shows ", " writes "], StringSplitOptions.None)[0])];
        Assert.InRange(named.Length, 60, 1000);
        Assert.Empty(named.Where(line => Missing(Typed.Words(line))));
        Assert.True(Missing(["host", "ad"]));
        Assert.True(Missing(["open", "--renown"]));
    }

    [Fact(Timeout = 120_000)]
    public async Task Every_example_of_files_on_their_way_moves_them()
    {
        string[] moving = [.. Told.Where(line => Typed.Words(line)[0] is "put" or "get")];
        Assert.InRange(moving.Length, 8, 100);
        foreach (string line in moving)
        {
            await using var fake = await FakeServer.StartAsync();
            using var own = new TestDevice();
            using var profile = own.Own(fake.Safe);
            using var server = TestDevice.ServerOf(fake, profile);
            var parsed = Root.Parse(Typed.Words(line));
            bool puts = parsed.CommandResult.Command.Name == "put";
            string[] given = parsed.GetValue<string[]>(puts ? "LOCAL... DEST" : "REMOTE... DEST")!;
            string here = Directory.CreateDirectory(Path.Combine(device.Places.Config, Guid.NewGuid().ToString("n"))).FullName;
            var outcome = puts ? await PutAsync(server, here, given) : await GetAsync(server, fake.Safe, here, given, parsed.GetValue<ulong>("--request"));
            Assert.True(outcome.Failures == 0 && outcome.Files == Math.Max(1, given.Length - 1), $"{line}: {outcome.Files} files, {string.Join(", ", outcome.Failed)}");
            if (puts)
            {
                bool into = given[^1].EndsWith('/') || given.Length > 2;
                string[] wanted = [.. given[..^1].Select(g => (into ? given[^1].TrimEnd('/') + "/" + Path.GetFileName(g.TrimEnd('/')) : given[^1]) + (g.EndsWith('/') ? "/within" : ""))];
                Assert.Equal(wanted.Order(StringComparer.Ordinal), fake.Safe.Files.Keys.Select(f => "/safe/" + f));
            }
        }
    }

    /// <summary>As <see cref="PutCommand"/> does it, with paths below a directory of the test's own.</summary>
    private static async Task<TransferOutcome> PutAsync(Client.Connection.Server server, string here, string[] given)
    {
        foreach (string name in given[..^1])
        {
            string path = Path.Combine(here, name.EndsWith('/') ? name + "within" : name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, name, Stop);
        }

        var (target, slash) = TransferLines.Remote(given[^1]);
        var named = await Putting.AimAsync(server, [.. given[..^1].Select(g => Path.Combine(here, g))], target, slash, Stop);
        var putting = new Putting(server, named, replace: false);
        await putting.RunAsync(Stop);
        return putting.Outcome;
    }

    /// <summary>As <see cref="GetCommand"/> does it.</summary>
    private static async Task<TransferOutcome> GetAsync(Client.Connection.Server server, FakeSafe safe, string here, string[] given, ulong request)
    {
        var named = given.Length < 2 ? [Getting.Outbox] : given[..^1].Select(g => TransferLines.Remote(g).Path).ToList();
        foreach (var path in named)
        {
            safe.Files[Path.HasExtension($"{path}") ? $"{path}" : $"{path}/within"] = Encoding.UTF8.GetBytes($"{path}");
        }

        safe.Requests.AddRange(Enumerable.Range(0, (int)request).Select(_ => new Contracts.V1.OutEntry { State = Contracts.V1.OutState.OutApproved }));
        var getting = new Getting(server, named, Path.Combine(here, given[^1]), replace: false, request);
        await getting.RunAsync(Stop);
        return getting.Outcome;
    }

    /// <summary>Whether a word of it is neither a command nor an option; what is left out or stands for something else does not count.</summary>
    private static bool Missing(string[] words) => Misuse.Of(Root.Parse(words), words)?.Details["what"] is { } said
        && (said.Contains(" has no option ", StringComparison.Ordinal) || said.StartsWith("there is no command", StringComparison.Ordinal));

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);

    public void Dispose() => device.Dispose();
}
