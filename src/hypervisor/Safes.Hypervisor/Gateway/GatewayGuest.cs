using System.Net;
using Safes.Contracts.V1;
using Safes.Network;

namespace Safes.Hypervisor.Gateway;

/// <summary>
/// The running gateway. It is started or adopted, given its configuration, watched by pings, and started again with the same
/// addresses, peers and rules when it dies or falls silent. It outlives safed.
/// </summary>
public sealed class GatewayGuest : IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly GatewayGuestOptions options;
    private readonly SafeNetwork network;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim telling = new(1, 1);
    private readonly Lock gate = new();
    private GatewayConfiguration configuration;
    private IReadOnlyCollection<IPAddress>? allowed;
    private WaysIn ways = WaysIn.None;
    private long wish;
    private GatewayProcess? process;
    private bool up;
    private Task watching = Task.CompletedTask;

    private GatewayGuest(GatewayGuestOptions options, SafeNetwork network, GatewayConfiguration configuration) =>
        (this.options, this.network, this.configuration) = (options, network, configuration.Clone());

    /// <summary>Adopts the gateway that runs, or starts one; returns once it is configured. An adopted one keeps the devices it allows until
    /// <see cref="AllowAsync"/>; a new one allows none.</summary>
    /// <exception cref="GatewayException">Its image is not right, or it did not come up.</exception>
    public static async Task<GatewayGuest> StartAsync(
        GatewayGuestOptions options, SafeNetwork network, GatewayConfiguration configuration, CancellationToken stop)
    {
        var guest = new GatewayGuest(options, network, configuration);
        var found = await GatewayProcess.FindAsync(options).ConfigureAwait(false);
        try
        {
            await guest.BringUpAsync(found, stop).ConfigureAwait(false);
        }
        catch (GatewayException e) when (found is not null)
        {
            // What ran does not do as it is told: a new one takes its place.
            guest.LastFailure = e.Message;
            await guest.BringUpAsync(null, stop).ConfigureAwait(false);
        }

        guest.watching = Task.Run(guest.WatchAsync, CancellationToken.None);
        return guest;
    }

    /// <summary>Ends a gateway of this safe that may run, without having started it.</summary>
    public static Task EndAsync(GatewayGuestOptions options) => GatewayProcess.EndAsync(options);

    /// <summary>The newest answer to a ping: the peers' handshakes and how many are allowed. Null until the first.</summary>
    public GatewayPong? Seen { get; private set; }

    /// <summary>True while the gateway answers and has all it was told.</summary>
    public bool IsUp => up;

    /// <summary>How often it had to be started again.</summary>
    public int Restarts { get; private set; }

    /// <summary>Why it is not up, or was not the last time.</summary>
    public string? LastFailure { get; private set; }

    /// <summary>The process id of its QEMU, 0 while there is none.</summary>
    public int Pid => process?.Pid ?? 0;

    /// <summary>Raised on each change of <see cref="IsUp"/>.</summary>
    public event Action<bool>? Changed;

    /// <summary>Replaces the peers (complete), as the roster has them; the rest stays as it was at the start. Kept for restarts.</summary>
    /// <exception cref="GatewayException">The gateway refuses it.</exception>
    public Task ConfigureAsync(GatewayConfiguration wanted)
    {
        lock (gate)
        {
            configuration = wanted.Clone();
            wish++;
        }

        return TellAsync(TellConfigurationAsync);
    }

    /// <summary>
    /// The devices with a session: complete, replaces. Tells the hypervisor's own bridge first, so that it holds when the gateway does not
    /// answer; kept for restarts. Completes when the gateway has it, or is known to be down.
    /// </summary>
    public async Task AllowAsync(IReadOnlyCollection<IPAddress> devices)
    {
        lock (gate)
        {
            allowed = [.. devices];
            wish++;
        }

        await network.AllowDevicesAsync(devices).ConfigureAwait(false);
        await TellAsync(TellAllowedAsync).ConfigureAwait(false);
    }

    /// <summary>What those devices reach in hosts: complete, replaces. As <see cref="AllowAsync"/>.</summary>
    public async Task OpenWaysAsync(WaysIn wanted)
    {
        lock (gate)
        {
            ways = wanted;
            wish++;
        }

        await network.OpenWaysAsync(wanted).ConfigureAwait(false);
        await TellAsync(TellAllowedAsync).ConfigureAwait(false);
    }

    /// <summary>Ends the gateway for good.</summary>
    public async Task StopAsync()
    {
        await StopWatchingAsync().ConfigureAwait(false);
        if (process is { } running)
        {
            await running.EndAsync().ConfigureAwait(false);
            await running.Ended.ConfigureAwait(false);
            await running.DisposeAsync().ConfigureAwait(false);
            process = null;
        }

        SetUp(false);
    }

    /// <summary>Stops watching; the gateway runs on.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopWatchingAsync().ConfigureAwait(false);
        if (process is { } running)
        {
            await running.DisposeAsync().ConfigureAwait(false);
        }

        telling.Dispose();
        stop.Dispose();
    }

    private async Task StopWatchingAsync()
    {
        if (!stop.IsCancellationRequested)
        {
            await stop.CancelAsync().ConfigureAwait(false);
        }

        await watching.ConfigureAwait(false);
    }

    private async Task WatchAsync()
    {
        var pause = TimeSpan.Zero;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (process is null)
                {
                    await Task.Delay(pause, stop.Token).ConfigureAwait(false);
                    Restarts++;
                    await BringUpAsync(null, stop.Token).ConfigureAwait(false);
                }

                await PingAsync(process!).ConfigureAwait(false);
                pause = TimeSpan.Zero;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Whatever it was: a gateway that is not up is started again, ever more slowly if it does not stay.
                LastFailure = e.Message;
                pause = pause == TimeSpan.Zero ? TimeSpan.FromMilliseconds(100) : pause * 2 < LongestPause ? pause * 2 : LongestPause;
                await GiveUpForNowAsync().ConfigureAwait(false);
            }
        }
    }

    // One that waits in the kernel and does not end within the limit must not end the watch: it is tried again, and until it has ended its
    // taps are held, so that no other one can be started beside it.
    private async Task GiveUpForNowAsync()
    {
        try
        {
            await GiveUpProcessAsync().ConfigureAwait(false);
        }
        catch (IOException e)
        {
            LastFailure = e.Message;
        }
    }

    // Returns only by throwing.
    private async Task PingAsync(GatewayProcess running)
    {
        while (true)
        {
            await Task.WhenAny(Task.Delay(options.PingInterval, stop.Token), running.Ended, running.Line.Broken).ConfigureAwait(false);
            stop.Token.ThrowIfCancellationRequested();
            if (running.Ended.IsCompleted)
            {
                throw new GatewayException(GatewayFailure.Silent, "the gateway's QEMU ended");
            }

            var said = await running.Line.AskAsync(new ToGateway { Ping = new GatewayPing() }, options.AnswerLimit).ConfigureAwait(false);
            Seen = said.Pong ?? throw new GatewayException(GatewayFailure.Silent, "the gateway answered a ping with something else");
        }
    }

    private async Task BringUpAsync(GatewayProcess? found, CancellationToken token)
    {
        bool adopted = found is not null;
        process = found ?? await GatewayProcess.StartAsync(options, network).ConfigureAwait(false);
        try
        {
            if (!adopted)
            {
                var first = await Task.WhenAny(process.Line.Ready, process.Ended, process.Line.Broken).WaitAsync(options.BootLimit, token).ConfigureAwait(false);
                if (first != process.Line.Ready)
                {
                    throw new GatewayException(GatewayFailure.NotUp, $"the gateway ended while it started; see {options.LogFile}");
                }
            }

            await telling.WaitAsync(token).ConfigureAwait(false);
            try
            {
                long told;
                do
                {
                    told = Interlocked.Read(ref wish);
                    await TellConfigurationAsync(process).ConfigureAwait(false);
                    await TellAllowedAsync(process).ConfigureAwait(false);
                }
                while (!SetUp(true, told));
            }
            finally
            {
                telling.Release();
            }
        }
        catch (TimeoutException e)
        {
            await GiveUpProcessAsync().ConfigureAwait(false);
            throw new GatewayException(GatewayFailure.NotUp, $"the gateway was not up after {options.BootLimit.TotalSeconds:0} s; see {options.LogFile}", e);
        }
        catch
        {
            await GiveUpProcessAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task GiveUpProcessAsync()
    {
        SetUp(false);
        if (process is { } running)
        {
            await running.EndAsync().ConfigureAwait(false);
            process = null;
            await running.Ended.ConfigureAwait(false);
            await running.DisposeAsync().ConfigureAwait(false);
        }
    }

    // While the gateway is being brought up it is told everything at the end of that; then there is nothing to do here.
    private async Task TellAsync(Func<GatewayProcess, Task> tell)
    {
        await telling.WaitAsync().ConfigureAwait(false);
        var running = process;
        try
        {
            if (up && running is not null)
            {
                await tell(running).ConfigureAwait(false);
            }
        }
        catch (GatewayException e) when (e.Failure is GatewayFailure.Silent)
        {
            // It does not hear: the bridge holds, the watch replaces it, and the next one is told.
            LastFailure = e.Message;
            running?.Line.Break();
        }
        finally
        {
            telling.Release();
        }
    }

    private async Task TellConfigurationAsync(GatewayProcess running)
    {
        GatewayConfiguration wanted;
        lock (gate)
        {
            wanted = configuration.Clone();
        }

        wanted.UnixMilliseconds = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await running.Line.AskAsync(new ToGateway { Configure = wanted }, options.AnswerLimit).ConfigureAwait(false);
    }

    private async Task TellAllowedAsync(GatewayProcess running)
    {
        IReadOnlyCollection<IPAddress>? devices;
        WaysIn open;
        lock (gate)
        {
            open = ways;
            // A device that is no peer any more has no place either, whichever of the two was said first.
            var peers = configuration.Peers.Select(p => p.Address).ToHashSet();
            devices = allowed?.Where(d => peers.Contains(d.ToString())).ToArray();
        }

        if (devices is not null)
        {
            var message = new AllowedDevices
            {
                Addresses = { devices.Select(d => d.ToString()) },
                Shell = open.Shell,
                Services = { open.Services.Select(s => new HostService { Host = s.Host.ToString(), Port = (uint)s.Port }) },
            };
            await running.Line.AskAsync(new ToGateway { Allow = message }, options.AnswerLimit).ConfigureAwait(false);
        }
    }

    // True only if nothing was wished for since `told`.
    private bool SetUp(bool value, long? told = null)
    {
        bool changed;
        lock (gate)
        {
            if (told is not null && told != wish)
            {
                return false;
            }

            changed = up != value;
            up = value;
        }

        if (changed)
        {
            Changed?.Invoke(value);
        }

        return true;
    }
}
