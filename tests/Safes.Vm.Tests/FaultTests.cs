using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>Whatever becomes of a host's programs, the others and the safe go on, and the safe closes.</summary>
[Trait("needs", "guest")]
public sealed class FaultTests(SharedFleet shared) : IClassFixture<SharedFleet>, IAsyncLifetime
{
    private readonly Fleet fleet = shared.Fleet;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        fleet.With = o => o;
        await fleet.RestoreAsync();
        File.Delete(fleet.Volume.At("share/filling"));
        foreach (var host in fleet.Hosts.Status())
        {
            await fleet.Hosts.RemoveAsync(host.Name);
        }
    }

    [Fact]
    public async Task QEMU_killed_in_the_middle_of_saving_costs_that_host_its_memory_and_nothing_else()
    {
        await fleet.Hosts.AddAsync(new HostRequest("killed"));
        await fleet.Hosts.AddAsync(new HostRequest("other"));
        // Its key and its address as a cut leaves files that were written seconds before it.
        await fleet.RunAsync("killed", "echo kept >kept && sudo touch /run/memory && sudo truncate -s 0 /etc/systemd/network/50-safe.network && sudo dd if=/dev/zero of=/etc/ssh/ssh_host_ed25519_key bs=100 count=1 conv=notrunc status=none && sync");
        await fleet.RunAsync("other", "sudo touch /run/memory");
        var outcomes = await CloseKillingAsync("killed");    // which finds the volume locked, with everything gone
        for (int tries = 1; tries < 5 && outcomes.Single(o => o.Host == "killed").Done; tries++)
        {
            await fleet.ReopenAsync();    // it was saved faster than it was killed
            outcomes = await CloseKillingAsync("killed");
        }

        Assert.True(outcomes.Single(o => o.Host == "other").Done);
        Assert.False(outcomes.Single(o => o.Host == "killed").Done);

        var opened = await fleet.ReopenAsync();
        Assert.All(opened, o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.RunAsync("other", "test -e /run/memory");
        await fleet.RunAsync("killed", "grep -q kept kept && ! test -e /run/memory && mountpoint -q /safe");
    }

    [Theory]
    [InlineData("QEMU")]
    [InlineData("virtiofsd")]
    public async Task A_program_that_hangs_is_named_and_ended_and_the_safe_closes(string program)
    {
        await fleet.Hosts.AddAsync(new HostRequest("hung"));
        fleet.With = o => o with { Limits = new Limits { Command = TimeSpan.FromSeconds(2), Save = TimeSpan.FromSeconds(2), Quit = TimeSpan.FromSeconds(5) } };
        await fleet.Hosts.DisposeAsync();
        await fleet.StartAsync();
        var processes = fleet.Hosts.Processes;
        Assert.Equal(3, processes.Count);
        var stopped = processes[program == "QEMU" ? 0 : 2];
        stopped.Signal(SignalNumbers.Stop);
        var outcome = Assert.Single(await fleet.CloseAsync());
        fleet.With = o => o;
        Assert.False(outcome.Done);
        Assert.True(program == outcome.Hung, outcome.Fault!.Details["why"]);
        Assert.Equal($"{stopped.Pid}", outcome.Fault!.Details["pid"]);

        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
    }

    [Fact]
    public async Task A_restarted_daemon_takes_over_what_runs_and_signals_nothing_foreign()
    {
        await fleet.Hosts.AddAsync(new HostRequest("kept"));
        await fleet.RunAsync("kept", "sudo touch /run/memory");
        int[] before = [.. fleet.Hosts.Processes.Select(p => p.Pid)];
        await fleet.Hosts.DisposeAsync();

        await fleet.StartAsync();
        Assert.Equal(before, fleet.Hosts.Processes.Select(p => p.Pid));
        Assert.Equal(HostState.Running, Assert.Single(fleet.Hosts.Status()).State);
        await fleet.RunAsync("kept", "test -e /run/memory");
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));

        // A record whose numbers have come to mean another process: that one lives on.
        using var foreign = Child.Start(new ChildStart("sleep", ["60"]));
        string record = Path.Combine(fleet.RunOf("kept"), "process.json");
        string text = await File.ReadAllTextAsync(record, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            record, text.Replace($"\"qemu\":{before[0]}", $"\"qemu\":{foreign.Pid}", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        await fleet.Volume.ReopenAsync();
        await fleet.StartAsync();
        Assert.Empty(fleet.Hosts.Processes);
        Assert.All(await fleet.Hosts.ResumeAllAsync(1, stop: TestContext.Current.CancellationToken), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.False(foreign.Exited.IsCompleted);
        foreign.Kill();
        await fleet.RunAsync("kept", "test -e /run/memory");
    }

    [Fact]
    public async Task A_full_volume_still_closes_and_opens()
    {
        await fleet.Hosts.AddAsync(new HostRequest("full"));
        await fleet.RunAsync("full", "sudo touch /run/memory");
        string filling = fleet.Volume.At("share/filling");
        Fill(filling);
        Assert.Equal(0, Statfs.Of(fleet.Volume.Safe).Available);
        // The host can go on dirtying its memory and writing its disk, whose room is its own.
        await fleet.RunAsync("full", "head -c 100M /dev/urandom >big && sync && rm big && head -c 100M /dev/urandom >big && sync");
        Fill(filling);
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.RunAsync("full", "test -e /run/memory");
    }

    [Fact]
    public async Task A_host_that_has_looked_at_more_files_than_the_usual_room_holds_is_suspended_on_a_full_volume()
    {
        const int Files = 60_000;
        await fleet.Hosts.AddAsync(new HostRequest("reader"));
        await fleet.RunAsync("reader", "sudo touch /run/memory");
        Directory.CreateDirectory(fleet.Volume.At("share/tree"));
        for (int i = 0; i < Files; i++)
        {
            File.WriteAllBytes(fleet.Volume.At($"share/tree/{i}"), []);
        }

        await fleet.RunAsync("reader", "find /safe/tree -type f -size 0 | wc -l");
        await fleet.Hosts.LookAtRoomAsync();    // as each minute
        string filling = fleet.Volume.At("share/filling");
        Fill(filling);
        Assert.Equal(0, Statfs.Of(fleet.Volume.Safe).Available);
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.RunAsync("reader", "test -e /run/memory");
    }

    [Fact]
    public async Task A_host_whose_QEMU_makes_no_sense_is_shown_degraded_and_the_safe_closes()
    {
        await fleet.Hosts.AddAsync(new HostRequest("liar"));
        await fleet.Hosts.AddAsync(new HostRequest("other"));
        await fleet.RunAsync("other", "sudo touch /run/memory");
        var degraded = new TaskCompletionSource<HostStatus>(TaskCreationOptions.RunContinuationsAsynchronously);
        // A line of our own between us and its QEMU, taken after a restart; it goes on in order until it lies.
        await fleet.Hosts.DisposeAsync();
        string socket = Path.Combine(fleet.RunOf("liar"), "qmp");
        await using (var between = Between.Put(socket))
        {
            await fleet.StartAsync();
            fleet.Hosts.Changed += s =>
            {
                if (s is { Name: "liar", State: HostState.Degraded })
                {
                    degraded.TrySetResult(s);
                }
            };
            Assert.Equal(HostState.Running, fleet.Hosts.Status()[0].State);
            await between.SayAsync("]}garbage\n");
            Assert.Contains("no sense", (await degraded.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).Note, StringComparison.Ordinal);
            var outcomes = await fleet.CloseAsync();
            Assert.True(outcomes.Single(o => o.Host == "other").Done);
            Assert.False(outcomes.Single(o => o.Host == "liar").Done);
        }

        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.RunAsync("other", "test -e /run/memory");
        await fleet.RunAsync("liar", "mountpoint -q /safe");
    }

    [Fact]
    public async Task What_ends_by_itself_is_known_to_have_ended()
    {
        await fleet.Hosts.AddAsync(new HostRequest("ends"));
        var changes = System.Threading.Channels.Channel.CreateUnbounded<HostStatus>();
        fleet.Hosts.Changed += s => changes.Writer.TryWrite(s);

        fleet.Hosts.Processes[1].Kill();
        Assert.Contains("share", (await NextAsync(HostState.Degraded)).Note, StringComparison.Ordinal);
        QemuOf("ends").Kill();
        await NextAsync(HostState.Failed);
        Assert.Empty(fleet.Hosts.Processes);

        await fleet.Hosts.StartAsync("ends", cold: false, 1);
        await fleet.SshAsync("ends", "sudo setsid sh -c 'sleep 1; systemctl poweroff --force --force' </dev/null >/dev/null 2>&1 &");
        Assert.Contains("inside", (await NextAsync(HostState.Stopped)).Note, StringComparison.Ordinal);

        async Task<HostStatus> NextAsync(HostState state)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (true)
            {
                if (await changes.Reader.ReadAsync(limit.Token) is var s && s.State == state)
                {
                    return s;
                }
            }
        }
    }

    [Fact]
    public async Task A_host_that_lost_its_share_keeps_what_it_wrote_when_it_is_stopped_or_the_safe_closes_and_has_the_share_again_afterwards()
    {
        await fleet.Hosts.AddAsync(new HostRequest("lost"));
        await fleet.RunAsync("lost", "touch /safe/shared");
        await LoseAsync("words");
        var begun = BootClock.Now;
        using var qemu = PidFd.Open(QemuOf("lost").Pid)!;
        await fleet.Hosts.StopAsync("lost");
        Assert.True(BootClock.Now - begun < TimeSpan.FromSeconds(45), "it was waited for as for a host that could stop in its own way");
        Assert.True(qemu.WaitForEnd(TimeSpan.Zero));
        await fleet.Hosts.StartAsync("lost", cold: false, 1);
        await fleet.RunAsync("lost", "grep -q words words && grep -q asked words.ended && test -e /safe/shared");

        await LoseAsync("more");
        var outcome = Assert.Single(await fleet.CloseAsync());
        Assert.False(outcome.Done);
        Assert.Contains("virtiofsd", Fleet.Why(outcome), StringComparison.Ordinal);
        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.RunAsync("lost", "grep -q more more && grep -q asked more.ended && test -e /safe/shared");

        // Who waits for the share never ends, who works is asked to end, and what is written last nobody has synchronised.
        async Task LoseAsync(string file)
        {
            fleet.Hosts.Processes[1].Kill();
            await fleet.RunAsync("lost", $$"""
                (setsid ls /safe </dev/null >/dev/null 2>&1 &)
                (setsid bash -c 'trap "echo asked >{{file}}.ended; exit" TERM; while :; do sleep .1; done' </dev/null >/dev/null 2>&1 &)
                sleep 1; sync -f .; echo {{file}} >{{file}}
                """);
        }
    }

    [Fact]
    public async Task A_host_whose_clock_cannot_be_set_is_cut_off_until_it_is_and_then_ready_by_itself()
    {
        await fleet.Hosts.AddAsync(new HostRequest("mute"));
        // Long enough, in the guest's time, for the safe to be closed and opened before it answers again.
        await fleet.RunAsync("mute", "sudo systemctl stop qemu-guest-agent && sudo systemd-run --collect sh -c 'sleep 25; systemctl start qemu-guest-agent'");
        fleet.With = o => o with { ClockLimit = TimeSpan.FromSeconds(2), Limits = new Limits { Agent = TimeSpan.FromSeconds(2) } };
        await fleet.CloseAsync();
        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        fleet.With = o => o;
        var status = Assert.Single(fleet.Hosts.Status());
        Assert.Equal((HostState.Degraded, "clock not set: cut off until it is"), (status.State, status.Note));
        Assert.Contains("state DOWN", await fleet.Ports.LookAsync(), StringComparison.Ordinal);

        await fleet.Hosts.ApplyRosterAsync([Fleet.Anna, Fleet.Bob]);    // fails: nobody answers. It comes with the clock.
        await ReadyAsync();
        await fleet.RunAsync("mute", "id bob");

        async Task ReadyAsync()
        {
            var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            fleet.Hosts.Changed += s =>
            {
                if (s.State is HostState.Running)
                {
                    ready.TrySetResult();
                }
            };
            if (fleet.Hosts.Status().Single().State is not HostState.Running)
            {
                await ready.Task.WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
            }
        }
    }

    [Fact]
    public async Task Resuming_that_is_given_up_ends_at_once_and_what_ran_by_then_is_suspended_whole()
    {
        await fleet.Hosts.AddAsync(new HostRequest("begun"));
        await fleet.RunAsync("begun", "sudo touch /run/memory && sudo systemctl stop qemu-guest-agent");
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        fleet.With = o => o with { ClockLimit = TimeSpan.FromMinutes(2) };
        await fleet.Volume.ReopenAsync();
        await fleet.StartAsync();
        fleet.With = o => o;
        using var stop = new CancellationTokenSource();
        var clock = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var resuming = fleet.Hosts.ResumeAllAsync(1, new Steps(s =>
        {
            if (s.Name == "clock")
            {
                clock.TrySetResult();
            }
        }), stop.Token);
        await clock.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        var begin = BootClock.Now;
        await stop.CancelAsync();
        Assert.False(Assert.Single(await resuming.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).Done);
        Assert.True(BootClock.Now - begin < TimeSpan.FromSeconds(5), $"{BootClock.Now - begin}");
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.Volume.ReopenAsync();
        await fleet.StartAsync();
        fleet.With = o => o;
        Assert.Equal(HostState.Suspended, Assert.Single(fleet.Hosts.Status()).State);
    }

    [Fact]
    public async Task What_was_started_and_not_recorded_is_ended_and_never_runs_beside_another()
    {
        await fleet.Hosts.AddAsync(new HostRequest("stray"));
        PidFd[] before = [.. fleet.Hosts.Processes.Select(p => PidFd.Open(p.Pid)!)];
        await fleet.Hosts.DisposeAsync();
        File.Delete(Path.Combine(fleet.RunOf("stray"), "process.json"));    // as if safed had died just before
        await fleet.StartAsync();
        Assert.All(before, p => Assert.True(p.WaitForEnd(TimeSpan.FromSeconds(5)), $"{p.Pid} lives"));
        Assert.All(await fleet.Hosts.ResumeAllAsync(1, stop: TestContext.Current.CancellationToken), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.RunAsync("stray", "mountpoint -q /safe");

        // The same in the middle of making it: without a definition it is no host, and goes with all it has.
        before = [.. fleet.Hosts.Processes.Select(p => PidFd.Open(p.Pid)!)];
        await fleet.Hosts.DisposeAsync();
        File.Delete(Path.Combine(fleet.RunOf("stray"), "process.json"));
        File.Delete(fleet.Volume.At("hosts/stray/host.json"));
        await fleet.StartAsync();
        Assert.All(before, p => Assert.True(p.WaitForEnd(TimeSpan.FromSeconds(5)), $"{p.Pid} lives"));
        Assert.Empty(fleet.Hosts.Status());
        Assert.False(Directory.Exists(fleet.Volume.At("hosts/stray")));
    }

    private sealed class Steps(Action<HostStep> told) : IProgress<HostStep>
    {
        public void Report(HostStep value) => told(value);
    }

    private static void Fill(string file)
    {
        using var fd = Fcntl.Open(file, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Append);
        long free = Statfs.Of(Path.GetDirectoryName(file)!).Available;
        try
        {
            Fcntl.Allocate(fd, Stat.Of(fd).Length, Math.Max(4096, free - (8 << 20)));
        }
        catch (LinuxException e) when (e.Number == Errno.NoSpace)
        {
            // less was free than it said
        }

        foreach (int size in (int[])[1 << 20, 4096, 1])
        {
            try
            {
                byte[] block = new byte[size];
                while (true)
                {
                    Unistd.Write(fd, block);
                }
            }
            catch (LinuxException e) when (e.Number == Errno.NoSpace)
            {
                // full, to this size
            }
        }
    }

    /// <summary>Closes the safe, and kills a host's QEMU as soon as it writes its state.</summary>
    private async Task<IReadOnlyList<HostOutcome>> CloseKillingAsync(string host)
    {
        string state = fleet.Volume.At($"hosts/{host}/state");
        var qemu = QemuOf(host);
        var killer = Background.Run(() =>
        {
            var end = BootClock.Now + TimeSpan.FromSeconds(20);
            using var fd = Fcntl.Open(state, Fcntl.ReadOnly);
            byte[] begin = new byte[64];
            while (BootClock.Now < end && RandomAccess.Read(fd, begin, 0) == 64 && begin.All(b => b == 0))
            {
            }

            qemu.Kill();
        });
        var outcomes = await fleet.CloseAsync();
        await killer;
        return outcomes;
    }

    private PidFd QemuOf(string host) => fleet.Hosts.Processes.First(p =>
        File.ReadAllText($"/proc/{p.Pid}/cmdline").Contains($"-name\0host-{Path.GetFileName(fleet.RunOf(host))}\0", StringComparison.Ordinal));
}
