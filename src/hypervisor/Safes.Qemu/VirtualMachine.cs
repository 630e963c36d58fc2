using System.Text.Json;
using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// A running virtual machine: QEMU and its virtiofsd, which outlive the process that started them. Its RAM is a file on the volume, so
/// that suspending writes only the state of the devices.
/// </summary>
public sealed partial class VirtualMachine : IAsyncDisposable
{
    private readonly MachineStart start;
    private readonly MachineProcesses processes;
    private readonly Qmp qmp;
    private GuestAgent? agent;

    private VirtualMachine(MachineStart start, MachineProcesses processes, Qmp qmp)
    {
        this.start = start;
        this.processes = processes;
        this.qmp = qmp;
    }

    public HostHardware Hardware => start.Hardware;

    public HostPlaces Places => start.Places;

    public Qmp Qmp => qmp;

    public PidFd Qemu => processes.Qemu.Handle;

    /// <summary>Every process of it: what must be gone before the volume can be locked.</summary>
    public IReadOnlyList<PidFd> Processes => processes.All();

    /// <summary>Completes when neither process is left.</summary>
    public Task Ended => processes.Ended;

    /// <summary>True once virtiofsd has ended while QEMU runs: the guest's files in the share give errors.</summary>
    public bool ShareLost => processes is { Qemu.Ended.IsCompleted: false, Virtiofsd: null or { Ended.IsCompleted: true } };

    /// <summary>Completes when virtiofsd has ended.</summary>
    public Task ShareEnded => processes.Virtiofsd?.Ended ?? Task.CompletedTask;

    /// <summary>Boots.</summary>
    /// <exception cref="HungException">QEMU does not answer.</exception>
    /// <exception cref="QmpException">QEMU ended; the description has its last words.</exception>
    public static Task<VirtualMachine> StartAsync(MachineStart start)
    {
        Forget(start.Places);
        return LaunchAsync(start, incoming: false);
    }

    /// <summary>
    /// Loads the state saved for it; the guest stands still until <see cref="ContinueAsync"/>. With <paramref name="bundle"/> the state
    /// is the bundle's, for a clone that never ran.
    /// </summary>
    /// <exception cref="StateMismatchException">The image does not fit or is damaged; nothing was touched.</exception>
    public static async Task<VirtualMachine> LoadAsync(MachineStart start, Bundle? bundle = null)
    {
        if (bundle is null)
        {
            var record = StateRecord.Find(start.Places) ?? throw new StateMismatchException(StateProblem.Missing, "record", "", "");
            record.Check(start.Hardware, start.Places, start.Tools);
        }
        else
        {
            bundle.CheckHardware(start.Hardware, start.Tools);
        }

        var machine = await LaunchAsync(start, incoming: true).ConfigureAwait(false);
        try
        {
            using var state = Fcntl.Open(bundle?.PathOf(Bundle.State) ?? start.Places.State, Fcntl.ReadOnly | Fcntl.NoFollow);
            await machine.MigrateAsync("migrate-incoming", state, start.Limits.Load).ConfigureAwait(false);
            return machine;
        }
        catch
        {
            await machine.KillAsync().ConfigureAwait(false);
            await machine.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes over a machine that an earlier process started; null when it does not run (any more).</summary>
    public static async Task<VirtualMachine?> AdoptAsync(MachineStart start)
    {
        if (MachineProcesses.Adopt(start.Places, start.Hardware.Uuid) is not { } processes)
        {
            // What was started and not recorded had not been let run, or is nobody's any more: its saved state, if any, stays. And one that is
            // recorded with another UUID than its host's has changed what says which it is.
            await KillRecordedAsync(start.Places, start.Limits.Quit, start.Rights).ConfigureAwait(false);
            return null;
        }

        VirtualMachine? machine = null;
        try
        {
            var qmp = await Qmp.ConnectAsync(start.Places.QmpSocket, processes.Qemu.Pid, start.Limits.Command).ConfigureAwait(false);
            machine = new VirtualMachine(start, processes, qmp);
            var uuid = await qmp.CallAsync("query-uuid", limit: start.Limits.Command).ConfigureAwait(false);
            var status = await qmp.CallAsync("query-status", limit: start.Limits.Command).ConfigureAwait(false);
            // In the middle of a load it has not, or not wholly, what it was to go on from. That stays; if it was touched already, its record tells.
            if (uuid.GetProperty("UUID").GetGuid() == start.Hardware.Uuid && status.GetProperty("status").GetString() != "inmigrate")
            {
                if (!status.GetProperty("running").GetBoolean())
                {
                    // Whoever was here before ended between loading and letting run, or in the middle of suspending.
                    await machine.ContinueAsync().ConfigureAwait(false);
                }

                return machine;
            }
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            // Alive, ours, and of no use: it does not answer, or what it says makes no sense.
        }

        await processes.KillAsync(start.Limits.Quit).ConfigureAwait(false);
        if (machine is not null)
        {
            await machine.DisposeAsync().ConfigureAwait(false);
        }

        return null;
    }

    /// <summary>Forgets the saved state durably, then lets the guest run: no image is used twice.</summary>
    public async Task ContinueAsync()
    {
        await Background.Run(() => Forget(Places)).ConfigureAwait(false);
        Failpoint.Reach("resume: image forgotten");
        await NamedAsync(qmp.CallAsync("cont", limit: start.Limits.Command), "cont", start.Limits.Command).ConfigureAwait(false);
    }

    /// <summary>The guest agent, synchronised.</summary>
    /// <exception cref="HungException">It does not answer within the limit.</exception>
    public async Task<GuestAgent> AgentAsync(TimeSpan limit)
    {
        agent ??= GuestAgent.Connect(Places.AgentSocket);
        await agent.SynchroniseAsync(limit).ConfigureAwait(false);
        return agent;
    }

    /// <summary>Lets the guest see that its disk has grown to the overlay's size.</summary>
    public Task AnnounceDiskAsync(long bytes) =>
        qmp.CallAsync("block_resize", new JsonObject { ["device"] = "disk0", ["size"] = bytes }, start.Limits.Command);

    /// <summary>Memory that the share's daemon holds of its own, in bytes: some 750 for each file that the guest's kernel knows or knew at once.</summary>
    public long ShareMemory => processes.ShareMemory();

    /// <summary>Allocates the room that suspending needs, while there is some: after each start and resume, and again as the guest looks at more files.</summary>
    /// <exception cref="LinuxException">ENOSPC: this host could not be suspended.</exception>
    public void Reserve()
    {
        StateRoom.Allocate(Places, ShareMemory);
        HotPages.Reserve(Places, Hardware.MemoryBytes);
    }

    /// <summary>Has the memory read that the guest needed after its last resume. Blocks; see <see cref="HotPages.ReadAhead"/>.</summary>
    public long ReadAhead(CancellationToken stop) => HotPages.ReadAhead(Places, Hardware.MemoryBytes, stop);

    /// <summary>Remembers for the next resume which memory the guest has used since it was loaded. Blocks; see <see cref="HotPages.Record"/>.</summary>
    public bool RecordHotPages()
    {
        HotPages.Reserve(Places, Hardware.MemoryBytes);     // one that was just made may not have come to its reservation
        return HotPages.Record(Places, Hardware.MemoryBytes, Qemu.Pid, start.Rights);
    }

    /// <summary>Writes dirty guest memory to the volume while the guest runs on.</summary>
    public Task WriteBackAsync() => WriteBack.RunAsync(Places.Ram);

    /// <summary>
    /// Stops the guest, saves its state into the room allocated, makes RAM, disk and state durable, ends both processes and records what
    /// belongs together. When any of it fails nothing is recorded, and the caller ends the machine by <see cref="KillAsync"/>.
    /// </summary>
    /// <exception cref="HungException">A step took too long; names the program.</exception>
    public async Task SuspendAsync(ulong generation)
    {
        // QEMU waits for virtiofsd in this; so it may be that one which hangs.
        await NamedAsync(qmp.CallAsync("stop", limit: start.Limits.Command), "stop", start.Limits.Command).ConfigureAwait(false);
        Failpoint.Reach("suspend: stopped");
        long length;
        using (var state = Fcntl.Open(Places.State, Fcntl.ReadWrite | Fcntl.NoFollow))
        {
            await MigrateAsync("migrate", state, start.Limits.Save).ConfigureAwait(false);
            length = Unistd.Position(state);
        }

        Failpoint.Reach("suspend: saved");

        var digest = Background.Run(() => StateRecord.DigestOf(Places.State, length));
        try
        {
            await FlushAsync().WaitAsync(start.Limits.Flush).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new HungException("the volume", 0, "write-back", start.Limits.Flush);
        }

        Failpoint.Reach("suspend: flushed");
        await QuitAsync().ConfigureAwait(false);
        Failpoint.Reach("suspend: ended");
        var record = new StateRecord
        {
            Host = Hardware.Name,
            Generation = generation,
            Digest = await digest.ConfigureAwait(false),
            Length = length,
            Ram = FileMark.Of(Places.Ram)!,
            Disk = FileMark.Of(Places.Disk)!,
            Qemu = start.Tools.QemuVersion,
            Accelerator = start.Tools.Accelerator,
            Cpu = HostCpu.Describe(start.Tools.Accelerator),
            Hardware = Hardware.Shape(start.Tools.Accelerator),
            SavedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
        };
        await Background.Run(() => record.Write(Places)).ConfigureAwait(false);
        Failpoint.Reach("suspend: recorded");
    }

    /// <summary>Saves the stopped guest's state for a bundle: no record, the file is cut to its length.</summary>
    internal async Task<long> SaveForBundleAsync()
    {
        await qmp.CallAsync("stop", limit: start.Limits.Command).ConfigureAwait(false);
        long length;
        using (var state = Fcntl.Open(Places.State, Fcntl.ReadWrite | Fcntl.Create | Fcntl.Truncate))
        {
            await MigrateAsync("migrate", state, start.Limits.Save).ConfigureAwait(false);
            length = Unistd.Position(state);
        }

        await QuitAsync().ConfigureAwait(false);
        return length;
    }

    /// <summary>Lets go of the machine; it runs on.</summary>
    public async ValueTask DisposeAsync()
    {
        agent?.Dispose();
        await qmp.DisposeAsync().ConfigureAwait(false);
        if (Ended.IsCompleted)
        {
            processes.Dispose();
        }
    }

    internal static void Forget(HostPlaces places)
    {
        File.Delete(places.StateRecord);
        File.Delete(places.State);
        Fcntl.SyncDirectory(places.Home);
    }

    private static async Task<VirtualMachine> LaunchAsync(MachineStart start, bool incoming)
    {
        var generationId = Guid.NewGuid();      // vmgenid: a fresh one at each start makes the guest reseed its random generator
        var processes = await MachineProcesses.StartAsync(start, generationId, incoming).ConfigureAwait(false);
        try
        {
            var qmp = await Qmp.ConnectAsync(start.Places.QmpSocket, processes.Qemu.Pid, start.Limits.Start).ConfigureAwait(false);
            return new VirtualMachine(start, processes, qmp);
        }
        catch (Exception e)
        {
            await processes.KillAsync(start.Limits.Quit).ConfigureAwait(false);
            throw e is QmpException { Kind: QmpException.Gone } ? new QmpException("start", QmpException.Gone, LastWords(start.Places)) : e;
        }
    }

    private static string LastWords(HostPlaces places)
    {
        try
        {
            // In QEMU's own directory: after a break-out it could be anything, a pipe that never answers too.
            string last = (Stat.Find(places.QemuLog) is { IsRegular: true } ? File.ReadLines(places.QemuLog) : []).LastOrDefault(l => l.Length > 0)
                ?? "QEMU ended without a word";
            return last[..Math.Min(last.Length, 300)];
        }
        catch (IOException)
        {
            return "QEMU ended, and its log cannot be read";
        }
    }

    private async Task MigrateAsync(string verb, Microsoft.Win32.SafeHandles.SafeFileHandle state, TimeSpan limit)
    {
        var capabilities = new JsonArray(
            new JsonObject { ["capability"] = "events", ["state"] = true }, new JsonObject { ["capability"] = "x-ignore-shared", ["state"] = true });
        await qmp.CallAsync("migrate-set-capabilities", new JsonObject { ["capabilities"] = capabilities }, start.Limits.Command).ConfigureAwait(false);
        await qmp.CallAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 1L << 44 }, start.Limits.Command).ConfigureAwait(false);
        await qmp.CallAsync("getfd", new JsonObject { ["fdname"] = "state" }, start.Limits.Command, state).ConfigureAwait(false);
        var over = qmp.NextEvent((name, data) => name == "MIGRATION" && StatusOf(data) is "completed" or "failed");
        try
        {
            await NamedAsync(
                Task.WhenAll(qmp.CallAsync(verb, new JsonObject { ["uri"] = "fd:state" }, limit), over), verb == "migrate" ? "save" : "load", limit)
                .ConfigureAwait(false);
        }
        catch (QmpException e) when (e.Kind == QmpException.Gone)
        {
            throw new QmpException(verb, QmpException.Gone, LastWords(Places));
        }

        if (StatusOf(await over.ConfigureAwait(false)) != "completed")
        {
            var why = await qmp.CallAsync("query-migrate", limit: start.Limits.Command).ConfigureAwait(false);
            throw new QmpException(verb, "Migration", why.TryGetProperty("error-desc", out var text) ? text.GetString()! : "failed");
        }
    }

    private static string? StatusOf(JsonElement data) =>
        data.ValueKind is JsonValueKind.Object && data.TryGetProperty("status", out var status) ? status.GetString() : null;

    private async Task FlushAsync()
    {
        await Task.WhenAll(
            WriteBack.DurablyAsync(Places.Ram, 2), WriteBack.DurablyAsync(Places.State, 1), WriteBack.DurablyAsync(Places.Disk, 1)).ConfigureAwait(false);
        await Background.Run(() => Fcntl.SyncDirectory(Places.Home)).ConfigureAwait(false);
    }

    private async Task QuitAsync()
    {
        try
        {
            await qmp.CallAsync("quit", limit: start.Limits.Command).ConfigureAwait(false);
        }
        catch (QmpException e) when (e.Kind == QmpException.Gone)
        {
            // It may end before its answer is read.
        }

        await NamedAsync(Ended, "quit", start.Limits.Quit).ConfigureAwait(false);
    }

    private async Task NamedAsync(Task task, string step, TimeSpan limit)
    {
        try
        {
            await task.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            var (program, pid) = processes.Hanging();
            throw new HungException(program, pid, step, limit);
        }
        catch (HungException)
        {
            var (program, pid) = processes.Hanging();
            throw new HungException(program, pid, step, limit);
        }
    }
}
