#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the scene
using Safes.Client.Connection;
using Safes.Client.Transfers;
using Safes.Contracts;
using Safes.Rules;
using Safes.Transfer;

namespace Safes.Hypervisor.Tests.Transfers;

/// <summary>What is seen of requests while it is sent.</summary>
public sealed class LookingTests
{
    private const int Mega = 1 << 20;

    [Fact(Timeout = 60_000)]
    public async Task A_list_and_the_log_that_are_being_read_say_no_more_than_the_rule_allows_from_when_it_is_made()
    {
        await using var scene = await Scene.TeamAsync(DataOut.Free);
        using var carl = await scene.JoinAsync(scene.Safe.Ledger.People[2]);
        Directory.CreateDirectory(scene.Share("outbox"));
        for (int i = 0; i < 9000; i++)
        {
            File.WriteAllText(scene.Share($"outbox/{i:d4}-{new string('n', 90)}"), "");
        }

        await Of(scene.Server).AskAsync([FilePath.Parse("outbox")], "why", default);
        string[] line = [.. Enumerable.Repeat($"2026-11-27T11:00:00Z 1 got member=anna device=laptop file=outbox/{new string('n', 90)}", 30_000)];
        File.AppendAllLines(scene.Volume("log/out"), line);

        int names = 0;
        Assert.Equal(FaultCodes.NeedsApproval, await CodeAsync(async () =>
        {
            await foreach (var _ in Of(carl).FilesAsync(1, default))
            {
                names++;
                scene.DataOut = DataOut.FourEyes;    // what is under way by then was sent before
            }
        }));
        Assert.InRange(names, 1, 8999);

        scene.DataOut = DataOut.Free;
        List<string> lines = [];
        await foreach (string one in Of(carl).LogAsync(default))
        {
            lines.Add(one);
            scene.DataOut = DataOut.FourEyes;
        }

        Assert.Equal(line.Length + 1, lines.Count);
        Assert.Contains(" file=", lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain("=outbox", lines[^1], StringComparison.Ordinal);
        Assert.EndsWith("got member=anna device=laptop", lines[^1], StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task Who_looks_is_sent_how_a_file_begins_and_nothing_of_it_is_written_to_the_device()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        Directory.CreateDirectory(scene.Share("outbox"));
        byte[] large = Scene.Random(64 * Mega);
        File.WriteAllBytes(scene.Share("outbox/large"), large);
        File.WriteAllText(scene.Share("outbox/words"), "a few words");
        Scene.Sparse(scene.Share("outbox/holes"), 3 * Mega, (8, 4));
        File.WriteAllText(scene.Share("outbox/changed"), "as it was");
        await Of(scene.Server).AskAsync([FilePath.Parse("outbox")], "why", default);
        File.WriteAllText(scene.Share("outbox/changed"), "otherwise");

        string[] before = Directory.GetFileSystemEntries(Path.GetTempPath(), "safe-*");
        long passed = scene.Link.Passed;
        var (begin, length) = await LookAsync("large");
        Assert.Equal(64 * Mega, length);
        Assert.Equal(large[..Looking.Most], begin.ToArray());
        Assert.InRange(scene.Link.Passed - passed, Looking.Most, 16 * Mega);    // what was on its way is not called back
        Assert.Equal(before, Directory.GetFileSystemEntries(Path.GetTempPath(), "safe-*"));

        Assert.Equal("a few words"u8.ToArray(), (await LookAsync("words")).Begin.ToArray());
        Assert.Equal(File.ReadAllBytes(scene.Share("outbox/holes"))[..Looking.Most], (await LookAsync("holes")).Begin.ToArray());
        Assert.Equal(FaultCodes.RequestChanged, await CodeAsync(() => LookAsync("changed")));
        Assert.Equal(FaultCodes.FileUnknown, await CodeAsync(() => LookAsync("none")));
        Assert.Equal(FaultCodes.RequestOwn, await CodeAsync(() => new Looking(scene.Server, 1, FilePath.Parse("outbox/words")).RunAsync(default)));

        Task<(ReadOnlyMemory<byte> Begin, long Length)> LookAsync(string name) => new Looking(bob, 1, FilePath.Parse($"outbox/{name}")).RunAsync(default);
    }

    private static OutRequests Of(Server server) => new(server);

    private static async Task<FaultCode> CodeAsync(Func<Task> refused) => (await Assert.ThrowsAsync<FaultException>(refused)).Code;
}
