using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.Cli.Tests;

/// <summary>A device has one session, found from any shell of its person; what does not answer is named, and ended.</summary>
[Trait("needs", "root")]
public sealed class OneSession : IAsyncLifetime
{
    private OpenedSafe scene = null!;

    public async ValueTask InitializeAsync() => scene = await OpenedSafe.EnrolAsync($"safe-one-{Environment.ProcessId}");

    public async ValueTask DisposeAsync()
    {
        if (scene is not null)
        {
            await scene.DisposeAsync();
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task A_session_is_found_and_left_from_every_shell_of_its_person()
    {
        scene.Safe.Environment["XDG_RUNTIME_DIR"] = Directory.CreateDirectory(scene.Safe.At("run")).FullName;
        await scene.DoAsync(["open"], OpenedSafe.Password);
        int pid = await PidAsync();
        Directory.Delete(scene.Safe.At("run"), recursive: true);    // as a logout does
        Assert.Contains("open since", await scene.DoAsync(["status"]), StringComparison.Ordinal);
        scene.Safe.Environment["XDG_RUNTIME_DIR"] = Directory.CreateDirectory(scene.Safe.At("other")).FullName;
        Assert.Contains("You hold 'ledger' open already", await scene.DoAsync(["open"]), StringComparison.Ordinal);
        scene.Safe.Environment.Remove("XDG_RUNTIME_DIR");
        Assert.Equal(pid, await PidAsync());
        Assert.Equal(1, scene.Server.Safe.Opens);
        Assert.Contains("closed", await scene.DoAsync(["leave"]), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(scene.Safe.At("other")));
        Assert.Contains("not held open by this device", await scene.DoAsync(["status"]), StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    public async Task One_whose_socket_is_taken_away_is_left_all_the_same_and_one_without_a_profile_leaves_by_itself()
    {
        await scene.DoAsync(["open"], OpenedSafe.Password);
        Directory.Move(scene.Safe.At(".config/safes/ledger/session"), scene.Safe.At("moved-session"));
        await scene.DoAsync(["leave"]);

        await scene.DoAsync(["open"], OpenedSafe.Password);
        using var process = PidFd.Open(await PidAsync())!;
        Directory.Move(scene.Safe.At(".config/safes/ledger"), scene.Safe.At("moved"));
        Assert.True(process.WaitForEnd(TimeSpan.FromSeconds(20)));
        Assert.Equal(Contracts.V1.State.Closed, scene.Server.Safe.State);
    }

    [Fact(Timeout = 180_000)]
    public async Task One_that_stands_still_is_named_and_one_that_still_opens_is_ended()
    {
        await scene.DoAsync(["open"], OpenedSafe.Password);
        int pid = await PidAsync();
        using var process = PidFd.Open(pid)!;
        process.Signal(SignalNumbers.Stop);
        var status = await scene.Safe.RunAsync(["status"]);
        Assert.Contains($"a session of this device (pid {pid}) has 'ledger': it does not answer at its socket", status.Output, StringComparison.Ordinal);
        var second = await scene.Safe.RunAsync(["open"], OpenedSafe.Password);
        Assert.Equal(46, second.Exit);
        Assert.Contains($"(pid {pid})", second.Error, StringComparison.Ordinal);
        process.Signal(SignalNumbers.Continue);
        await scene.DoAsync(["leave"]);

        using var asked = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        scene.Server.Safe.WhileOpening = () =>
        {
            asked.Release();
            go.Wait(TimeSpan.FromSeconds(60));
        };
        var opening = scene.Safe.RunAsync(["open"], OpenedSafe.Password);
        Assert.True(await asked.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        Assert.Contains("it still opens the safe", (await scene.Safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
        Assert.Contains("asked to leave by a signal", await scene.DoAsync(["leave"]), StringComparison.Ordinal);
        go.Release();
        scene.Server.Safe.WhileOpening = null;
        Assert.NotEqual(0, (await opening).Exit);
        await scene.DoAsync(["open"], OpenedSafe.Password);
        await scene.DoAsync(["leave"]);
    }

    private async Task<int> PidAsync() =>
        int.Parse((string)JsonNode.Parse(await scene.DoAsync(["status", "--json"]))!["session_pid"]!, System.Globalization.CultureInfo.InvariantCulture);
}
