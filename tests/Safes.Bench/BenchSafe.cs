using System.Net;
using System.Net.Sockets;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>
/// A volume with one host, opened and closed by the daemon's parts (volume and fleet, as its effects drive them) and, in turn, by hand on the
/// very same files.
/// </summary>
internal sealed class BenchSafe : IAsyncDisposable
{
    public const string Host = "desk";

    private readonly Fleet fleet;
    private RawVolume? rawVolume;
    private Func<RawHost>? raw;
    private int number;

    private BenchSafe(Fleet fleet) => this.fleet = fleet;

    public Fleet Fleet => fleet;

    public static async Task<BenchSafe> MakeAsync(long volumeBytes, long memoryBytes)
    {
        var safe = new BenchSafe(await Fleet.OpenAsync(volumeBytes));
        // A busy machine's rate would refuse the large host; how long writing back takes is not what is measured here.
        safe.fleet.With = o => o with { WriteBackRate = 1e9 };
        await safe.fleet.Hosts.DisposeAsync();
        await safe.fleet.StartAsync();
        await safe.fleet.Hosts.AddAsync(new HostRequest(Host, MemoryBytes: memoryBytes));
        return safe;
    }

    /// <summary>Memory that the guest has rewritten, as a day's work leaves it; written back while it runs, as at the last leave.</summary>
    public async Task WorkAsync(int mebibytes)
    {
        string script = $"head -c {mebibytes}M /dev/urandom >/dev/shm/work";
        await fleet.RunAsync(Host, $"sudo mount -o remount,size=90% /dev/shm; {script}");
    }

    public async Task<TimeSpan> CloseAsync()
    {
        await fleet.Hosts.WriteBackAllAsync();
        var start = BootClock.Now;
        var outcomes = await fleet.CloseAsync();
        var took = BootClock.Now - start;
        Assert.All(outcomes, o => Assert.True(o.Done, $"{o.Host}: {o.Fault}"));
        return took;
    }

    /// <param name="answered">Also until somebody who connects to the host has its answer.</param>
    public async Task<TimeSpan> OpenAsync(bool answered = false)
    {
        var start = BootClock.Now;
        var outcomes = await fleet.ReopenAsync();
        if (answered)
        {
            await HearAsync();
        }

        var took = BootClock.Now - start;
        Assert.All(outcomes, o => Assert.True(o.Done, $"{o.Host}: {o.Fault}"));
        return took;
    }

    /// <summary>The same volume and host by hand: opened, some work, closed.</summary>
    public async Task<(TimeSpan Open, TimeSpan Close)> RawCycleAsync(bool answered = false)
    {
        try
        {
            return await RawAsync(answered);
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"bench: the raw cycle failed: {e}");
            throw;
        }
    }

    private async Task<(TimeSpan Open, TimeSpan Close)> RawAsync(bool answered)
    {
        rawVolume ??= new RawVolume(fleet.Volume.Volume.File, fleet.Volume.Volume.MountPoint, fleet.Volume.Key64);
        using var host = (raw ?? throw new InvalidOperationException("not looked at while it was open"))();
        var start = BootClock.Now;
        rawVolume.Open();
        await host.ResumeAsync();
        await fleet.Ports.LetThroughAsync(number, default);
        if (answered)
        {
            await HearAsync();
        }

        var opened = BootClock.Now - start;
        host.Reserve();
        host.WriteBack();

        start = BootClock.Now;
        await fleet.Ports.CutAsync(number);
        await host.SuspendAsync();
        rawVolume.Close();
        return (opened, BootClock.Now - start);
    }

    /// <summary>After a failed raw cycle the fleet is gone already; the volume is left in order all the same.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await fleet.DisposeAsync();
        }
        catch (ObjectDisposedException)
        {
            await fleet.Ports.DisposeAsync();
            await fleet.Volume.DisposeAsync();
        }
    }

    /// <summary>Remembers how the running host is started, for the raw cycles.</summary>
    public async Task LookAsync()
    {
        raw = await RawHost.OfAsync(fleet, Host);
        number = HostDefinition.Read(fleet.Volume.Volume.Root.Below("hosts"), Host, SafeUsers.Usual)!.Number;
    }

    // The first word of its sshd, as a member's client waits for it.
    private async Task HearAsync()
    {
        using var socket = Sched.InNetwork(fleet.Ports.Namespace, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await socket.ConnectAsync(new IPEndPoint(fleet.Ports.Address(number), 22), limit.Token);
        await using var stream = new NetworkStream(socket);
        byte[] word = new byte[4];
        await stream.ReadExactlyAsync(word, limit.Token);
        Assert.Equal("SSH-"u8, word);
    }
}
