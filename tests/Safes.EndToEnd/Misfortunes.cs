using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>What goes wrong on a bad day: programs are killed one after the other while bob works, then his link goes down.</summary>
internal sealed class Misfortunes(Stage stage, Server server, Person bob, StandingSession standing)
{
    /// <summary>Lease and bound of SPECIFICATION, unchanged: this once they are waited for.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(90), Bound = TimeSpan.FromSeconds(120);

    public async Task HappenAsync()
    {
        stage.Chapter("6  A bad day");
        await stage.StepAsync("safe open (a third time)", () => bob.DoAsync(["open", "ledger"], secret: true));
        await SafedAsync();
        await GuardianAsync();
        await GatewayAsync();
        await LinkAsync();
    }

    private async Task SafedAsync()
    {
        int gateway = await server.PidOfAsync("gateway"), before = int.Parse(await bob.WorkAsync("desk.ledger", Computation.Count));
        await server.KillAsync();
        stage.Fact("with safed killed, hosts and SSH go on", await standing.AskAsync("while safed is dead", TimeSpan.FromSeconds(30)));
        await stage.StepAsync("safed started again", server.RunAsync);
        TimeSpan? open = await server.UntilAsync("held by bob", TimeSpan.FromSeconds(60));
        stage.Fact("it takes over what runs; bob's session is back by its token, without a password", open is not null, $"after {open?.TotalSeconds:0.0} s");
        stage.Fact("no host and no gateway was started anew", await server.PidOfAsync("gateway") == gateway
            && int.Parse(await bob.WorkAsync("desk.ledger", Computation.Count)) > before && await standing.AskAsync("after it", TimeSpan.FromSeconds(30)));
    }

    private async Task GuardianAsync()
    {
        int guardian = await server.PidOfAsync("guardian");
        using (var process = guardian > 0 ? PidFd.Open(guardian) : null)
        {
            process?.Kill();
        }

        int next = 0;
        for (TimeSpan end = BootClock.Now + TimeSpan.FromSeconds(20); BootClock.Now < end && (next == 0 || next == guardian); next = await server.PidOfAsync("guardian"))
        {
            await Task.Delay(250);
        }

        bool open = (await server.SafedAsync(["status", "ledger"])).Output.Contains("open since", StringComparison.Ordinal);
        stage.Fact("a killed guardian is replaced, or the safe closes", guardian > 0 && (!open || (next > 0 && next != guardian)), $"pid {guardian}, then {next}");
    }

    private async Task GatewayAsync()
    {
        int gateway = await server.PidOfAsync("gateway");
        using (var process = PidFd.Open(gateway))
        {
            process?.Kill();
        }

        bool back = await stage.StepAsync("SSH again after the gateway was killed", () => standing.AskAsync("through a new gateway", TimeSpan.FromSeconds(90)));
        stage.Fact("the gateway comes back by itself and the standing session goes on", back && await server.PidOfAsync("gateway") != gateway);
    }

    private async Task LinkAsync()
    {
        await World.LinkAsync("bob", up: false);
        TimeSpan? closed = await stage.StepAsync("closed after bob's link went down", () => server.UntilAsync("closed since", Lease + Bound));
        stage.Fact("the last member's link down: closed within lease and bound", closed is not null, $"after {closed?.TotalSeconds:0} s");
        await World.LinkAsync("bob", up: true);
        // His device finds out by itself, once it reaches the server again.
        ToolOutput status;
        TimeSpan end = BootClock.Now + TimeSpan.FromSeconds(90);
        do
        {
            status = await bob.SafeAsync(["status"]);
        }
        while (status.Exit != 0 && BootClock.Now < end);

        Stage.Show("bob", "safe status", status.Output + status.Error);
        stage.Fact("bob is told that his session is gone", status.Exit == 0 && !status.Output.Contains("held by bob", StringComparison.Ordinal));
    }
}
