using System.Net.Sockets;
using Safes.Hypervisor.Guardian;
using Safes.Linux;
using Safes.Volumes;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Guardian;

[Trait("needs", "root")]
public class GuardianTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(4);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task With_the_daemon_killed_or_stopped_the_key_is_out_by_the_deadline(bool stopped)
    {
        await using var scene = await Scene.OpenAsync();
        await using var host = await scene.HoldFilesAsync();
        // It holds nothing: it is ended for being the daemon, not for being in the way.
        await using var daemon = await Holding.ProcessAsync("sh", ["-c", "echo held; exec sleep 1000"]);
        using var hostProcess = PidFd.Open(host.Pid)!;
        using var daemonProcess = PidFd.Open(daemon.Pid)!;
        TimeSpan deadline = BootClock.Now + Lease;
        await scene.Client.ArmAsync(scene.Guarded, deadline, daemonProcess);
        await scene.Client.HoldAsync([hostProcess]);
        daemonProcess.Signal(stopped ? SignalNumbers.Stop : SignalNumbers.Kill);

        Assert.True(scene.GuardianProcess.WaitForEnd(Lease + TimeSpan.FromSeconds(5)), "the guardian ends once it has closed the safe");
        Assert.True(BootClock.Now <= deadline, $"{(BootClock.Now - deadline).TotalSeconds} s late");
        Assert.True(scene.Test.Volume.Observe(scene.Test.Key).IsClosed);
        Assert.True(daemonProcess.WaitForEnd(TimeSpan.Zero));
        Assert.True(hostProcess.WaitForEnd(TimeSpan.Zero));
    }

    [Fact]
    public async Task Without_a_guardian_the_key_stays()
    {
        // The control of the test above.
        await using var test = await TestVolume.OpenAsync();
        await using var daemon = await Holding.ProcessAsync("sh", ["-c", $"cd {test.Safe} && echo held && exec sleep 1000"]);
        using var process = PidFd.Open(daemon.Pid)!;
        process.Kill();
        await Task.Delay(Lease + TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        Assert.Equal(KeyStatus.Present, test.Volume.Observe().Key);
    }

    [Theory]
    [InlineData(HoldKind.WorkingDirectory)]
    [InlineData(HoldKind.OpenFile)]
    [InlineData(HoldKind.OtherNamespace)]
    [InlineData(HoldKind.SecondMount)]
    [InlineData(HoldKind.LoopDevice)]
    public async Task Whatever_else_holds_the_volume_is_made_to_let_go(HoldKind kind)
    {
        await using var scene = await Scene.OpenAsync();
        scene.Test.Volume.Root.WriteFile("share/plan", "the plan"u8);
        var holding = await Holding.OfAsync(kind, scene.Test);
        try
        {
            await scene.ArmAsync(BootClock.Now + Lease);
            Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(30)), scene.Log);
            Assert.True(scene.Test.Volume.Observe(scene.Test.Key).IsClosed, scene.Log);
        }
        finally
        {
            if (kind is HoldKind.WorkingDirectory or HoldKind.OpenFile or HoldKind.OtherNamespace)
            {
                await holding.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Renewals_put_the_deadline_off_and_never_back()
    {
        await using var scene = await Scene.OpenAsync();
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromSeconds(2));
        for (int i = 0; i < 6; i++)
        {
            await scene.Client.ExtendAsync(BootClock.Now + TimeSpan.FromSeconds(2));
            await scene.Client.ExtendAsync(BootClock.Now + TimeSpan.FromSeconds(0.1));
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        Assert.True(scene.Client.IsAlive, scene.Log);
        Assert.Equal(KeyStatus.Present, scene.Test.Volume.Observe().Key);
        Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(6)), scene.Log);
        Assert.True(scene.Test.Volume.Observe(scene.Test.Key).IsClosed, scene.Log);
    }

    [Fact]
    public async Task Arming_anew_sets_the_deadline_also_an_earlier_one()
    {
        await using var scene = await Scene.OpenAsync();
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromSeconds(60));
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromSeconds(2));
        Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(10)), scene.Log);
        Assert.True(scene.Test.Volume.Observe(scene.Test.Key).IsClosed, scene.Log);
    }

    [Fact]
    public async Task It_disarms_only_when_it_has_seen_the_volume_closed()
    {
        await using var scene = await Scene.OpenAsync();
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromMinutes(5));
        Assert.False(await scene.Client.DisarmAsync());
        Assert.False(await scene.Client.EndAsync());
        await using (await Holding.OfAsync(HoldKind.OtherNamespace, scene.Test))
        {
            Assert.IsType<LockOutcome.Busy>(await scene.Test.Volume.LockAsync());
            Assert.False(await scene.Client.DisarmAsync());
        }

        await scene.Test.LockAsync();
        Assert.True(await scene.Client.DisarmAsync());
        Assert.True(await scene.Client.EndAsync());
        Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(5)));
        Assert.False(scene.Died.Task.IsCompleted);
    }

    [Theory]
    [InlineData(SignalNumbers.Kill)]
    [InlineData(6)]     // SIGABRT, as a failed runtime gives itself
    [InlineData(11)]    // SIGSEGV
    public async Task Its_end_is_noticed_at_once(int signal)
    {
        await using var scene = await Scene.OpenAsync();
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromMinutes(5));
        scene.GuardianProcess.Signal(signal);
        if (signal != SignalNumbers.Kill)
        {
            // .NET's handler puts the default in place and returns: a fault that is real happens again and ends the process, one that was sent is over.
            await scene.Client.ExtendAsync(BootClock.Now + TimeSpan.FromMinutes(5));
            scene.GuardianProcess.Signal(signal);
        }

        await scene.Died.Task.WaitAsync(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        Assert.False(scene.Client.IsAlive);
        await Assert.ThrowsAsync<GuardianException>(() => scene.Client.ExtendAsync(BootClock.Now));

        // Another takes its place.
        await using var next = await GuardianClient.StartOrConnectAsync(scene.Options);
        using var nextProcess = PidFd.Open(next.Pid)!;
        await next.ArmAsync(scene.Guarded, BootClock.Now + TimeSpan.FromMinutes(5), scene.Stand);
        await scene.Test.LockAsync();
        Assert.True(await next.DisarmAsync());
        Assert.True(await next.EndAsync());
    }

    [Fact]
    public async Task One_that_does_not_answer_is_ended_and_noticed()
    {
        await using var scene = await Scene.OpenAsync();
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromMinutes(5));
        scene.GuardianProcess.Signal(SignalNumbers.Stop);
        await Assert.ThrowsAsync<GuardianException>(() => scene.Client.ExtendAsync(BootClock.Now + TimeSpan.FromMinutes(6)));
        await scene.Died.Task.WaitAsync(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public async Task A_restarted_daemon_finds_the_guardian_that_is_there()
    {
        await using var scene = await Scene.OpenAsync();
        TimeSpan deadline = BootClock.Now + TimeSpan.FromMinutes(5);
        await scene.ArmAsync(deadline);
        await scene.Client.DisposeAsync();
        await using var again = await GuardianClient.StartOrConnectAsync(scene.Options);
        Assert.Equal(scene.GuardianProcess.Pid, again.Pid);
        await again.ArmAsync(scene.Guarded, deadline, scene.Stand);
        var other = scene.Guarded with { MountPoint = "/elsewhere" };
        await Assert.ThrowsAsync<GuardianException>(() => again.ArmAsync(other, deadline, scene.Stand));
        await scene.Test.LockAsync();
        Assert.True(await again.DisarmAsync());
        await again.DisposeAsync();
        Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(5)), "nothing to guard, and its daemon has gone");
    }

    [Theory]
    [InlineData(GuardianMessage.Version - 1)]
    [InlineData(GuardianMessage.Version + 1)]
    public async Task One_of_another_version_tells_its_deadline_and_goes_once_another_guards(int version)
    {
        await using var scene = await Scene.OpenAsync();
        var options = scene.Options with { RunDirectory = Directory.CreateDirectory(Path.Combine(scene.Test.Place, "another")).FullName };
        await using var other = await Holding.ProcessAsync("sh", ["-c", "echo held; exec sleep 1000"]);
        using var otherProcess = PidFd.Open(other.Pid)!;
        using var listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(options.Socket));
        listener.Listen(4);
        var deadline = BootClock.Now + TimeSpan.FromMinutes(5);
        var connections = new List<Socket>();
        var answering = AnswerAsync();

        await using var found = await GuardianClient.FindAsync(options);
        Assert.Equal((true, deadline, other.Pid), (found!.IsStrange, found.FoundUntil, found.Pid));
        await Assert.ThrowsAsync<GuardianException>(() => found.ExtendAsync(deadline + TimeSpan.FromMinutes(1)));
        await using var next = await GuardianClient.StartOrConnectAsync(options);
        Assert.False(otherProcess.WaitForEnd(TimeSpan.Zero), "nobody would guard until the next one is armed");
        await next.ArmAsync(scene.Guarded, deadline, scene.Stand);
        Assert.True(otherProcess.WaitForEnd(TimeSpan.FromSeconds(5)));
        await answering;
        await scene.Test.LockAsync();
        Assert.True(await next.DisarmAsync());
        Assert.True(await next.EndAsync());

        connections.ForEach(c => c.Dispose());

        async Task AnswerAsync()
        {
            for (int i = 0; i < 2; i++)
            {
                var connection = await listener.AcceptAsync(TestContext.Current.CancellationToken);
                connections.Add(connection);
                await connection.ReceiveAsync(new byte[16], TestContext.Current.CancellationToken);
                Rights.Send(connection, GuardianMessage.Hello(other.Pid, deadline, (byte)version), otherProcess.Handle);
            }
        }
    }

    [Fact]
    public async Task A_strange_one_beside_which_none_starts_is_let_go_of_and_guards_on()
    {
        string place = Directory.CreateTempSubdirectory("safes-strange-").FullName;
        await using var other = await Holding.ProcessAsync("sh", ["-c", "echo held; exec sleep 1000"]);
        using var otherProcess = PidFd.Open(other.Pid)!;
        var options = new GuardianOptions(place, ["/bin/false"]);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(options.Socket));
        listener.Listen(4);
        var starting = GuardianClient.StartOrConnectAsync(options, TimeSpan.FromSeconds(5));
        using var connection = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        byte[] said = new byte[16];
        await connection.ReceiveAsync(said, TestContext.Current.CancellationToken);
        Rights.Send(connection, GuardianMessage.Hello(other.Pid, BootClock.Now + TimeSpan.FromMinutes(5), GuardianMessage.Version + 1), otherProcess.Handle);
        await Assert.ThrowsAsync<GuardianException>(() => starting);
        Assert.Equal(0, await connection.ReceiveAsync(said, TestContext.Current.CancellationToken).AsTask().WaitAsync(Lease, TestContext.Current.CancellationToken));
        Assert.False(otherProcess.WaitForEnd(TimeSpan.Zero));
        listener.Close();
        Directory.Delete(place, recursive: true);
    }

    [Fact]
    public async Task One_that_does_not_answer_a_restarted_daemon_is_ended_once_another_guards()
    {
        await using var scene = await Scene.OpenAsync();
        var deadline = BootClock.Now + TimeSpan.FromMinutes(5);
        await scene.ArmAsync(deadline);
        await scene.Client.DisposeAsync();
        scene.GuardianProcess.Signal(SignalNumbers.Stop);
        await using var next = await GuardianClient.StartOrConnectAsync(scene.Options);
        Assert.NotEqual(scene.GuardianProcess.Pid, next.Pid);
        Assert.False(scene.GuardianProcess.WaitForEnd(TimeSpan.Zero));
        await next.ArmAsync(scene.Guarded, deadline, scene.Stand);
        Assert.True(scene.GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(5)), "it would meet a later opening at its deadline");
        await scene.Test.LockAsync();
        Assert.True(await next.DisarmAsync());
        Assert.True(await next.EndAsync());
    }

    [Fact]
    public async Task Signals_meant_for_the_daemon_do_not_end_it()
    {
        await using var scene = await Scene.OpenAsync();
        await scene.ArmAsync(BootClock.Now + TimeSpan.FromMinutes(5));
        foreach (int signal in (int[])[SignalNumbers.Terminate, SignalNumbers.Interrupt, SignalNumbers.Hangup])
        {
            scene.GuardianProcess.Signal(signal);
        }

        await scene.Client.ExtendAsync(BootClock.Now + TimeSpan.FromMinutes(6));
        Assert.False(scene.GuardianProcess.WaitForEnd(TimeSpan.FromMilliseconds(300)));
        Assert.Equal(scene.GuardianProcess.Pid.ToString(), File.ReadAllText($"/proc/{scene.Client.Pid}/stat").Split(' ')[5]);    // leads its own session
    }
}
