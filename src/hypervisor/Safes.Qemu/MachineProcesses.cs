using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// QEMU and virtiofsd of one machine. All sockets between them and us are made here and handed down as descriptors, so nobody waits
/// for a name to appear, and QEMU needs no right to any directory but its own.
/// </summary>
internal sealed class MachineProcesses : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private MachineProcesses(RunningProcess qemu, RunningProcess? virtiofsd)
    {
        Qemu = qemu;
        Virtiofsd = virtiofsd;
        Ended = EndTogetherAsync();
    }

    public RunningProcess Qemu { get; }

    public RunningProcess? Virtiofsd { get; }

    /// <summary>Completes when neither is left.</summary>
    public Task Ended { get; }

    private readonly List<PidFd> known = [];

    private PidFd[] Workers()
    {
        lock (known)
        {
            if (known.Count == 0 && Virtiofsd is { Ended.IsCompleted: false })
            {
                known.AddRange(Virtiofsd.Children());
            }

            return [.. known];
        }
    }

    public static async Task<MachineProcesses> StartAsync(MachineStart start, Guid generationId, bool incoming)
    {
        var (tools, hardware, places) = (start.Tools, start.Hardware, start.Places);
        var alone = AloneAsync(start);
        using var qmp = Listen(places.QmpSocket);
        using var agent = Listen(places.AgentSocket);
        string shareSocket = Path.Combine(places.Run, "fs");
        using var share = Listen(shareSocket);
        // QEMU gets the other end connected already: when it ends, even before its first word, virtiofsd sees that.
        using var shareEnd = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        shareEnd.Connect(new UnixDomainSocketEndPoint(shareSocket));
        File.Delete(shareSocket);
        using var tap = await start.OpenPort().ConfigureAwait(false);
        await alone.ConfigureAwait(false);    // two must never have one disk

        var virtiofsd = RunningProcess.Of(await start.Rights.ServeShareAsync(start, share.SafeHandle).ConfigureAwait(false));
        try
        {
            string image = Path.GetRelativePath(places.Home, places.Image);
            var slots = new Slots(Qmp: 3, Agent: 4, Tap: 5, Share: 6);
            SafeHandle[] descriptors = [qmp.SafeHandle, agent.SafeHandle, tap, shareEnd.SafeHandle];
            string[] arguments =
            [
                "-name", hardware.Label, .. hardware.Arguments(tools.Accelerator, image, $"{generationId}", slots),
                .. incoming ? (string[])["-incoming", "defer"] : [],
            ];
            var qemu = RunningProcess.Of(Child.Start(
                QemuCommand.Start(tools, arguments, hardware.User, descriptors, emptyNetwork: null, places.QemuLog, places.Home, start.Rights.HasNoNetwork)));
            var both = new MachineProcesses(qemu, virtiofsd);
            try
            {
                both.Record(places, hardware.Uuid);
            }
            catch
            {
                qemu.Handle.Kill();    // one that nobody could find again must not run
                throw;
            }

            return both;
        }
        catch
        {
            virtiofsd.Handle.Kill();
            throw;
        }
    }

    /// <summary>Takes over the processes that are recorded; null when QEMU is not among the living, and then neither is its virtiofsd.</summary>
    public static MachineProcesses? Adopt(HostPlaces places, Guid? uuid)
    {
        ProcessRecord? record;
        try
        {
            record = JsonSerializer.Deserialize(File.ReadAllBytes(places.ProcessRecord), QemuJson.Default.ProcessRecord);
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }

        if (record is null)
        {
            return null;
        }

        var virtiofsd = RunningProcess.Adopt(record.Virtiofsd, record.VirtiofsdStart);
        var qemu = uuid is null || record.Uuid == uuid ? RunningProcess.Adopt(record.Qemu, record.QemuStart) : null;
        if (qemu is null)
        {
            foreach (var orphan in virtiofsd is null ? [] : (PidFd[])[virtiofsd.Handle, .. virtiofsd.Children()])
            {
                orphan.Kill();
                orphan.Dispose();
            }

            return null;
        }

        return new MachineProcesses(qemu, virtiofsd);
    }

    /// <summary>All there are: QEMU, virtiofsd, and the sandboxed half of it that does the work.</summary>
    public IReadOnlyList<PidFd> All() => Virtiofsd is null or { Ended.IsCompleted: true } ? [Qemu.Handle] : [Qemu.Handle, Virtiofsd.Handle, .. Workers()];

    /// <summary>What virtiofsd holds in memory, in bytes: it grows with the files that the guest has looked at.</summary>
    public long ShareMemory() => All().Skip(1).Sum(p => ProcessTable.OwnMemory(p.Pid));

    /// <summary>Ends all of them and waits.</summary>
    /// <exception cref="HungException">One cannot be ended: it waits for a device.</exception>
    public async Task KillAsync(TimeSpan limit)
    {
        // virtiofsd's sandboxed half is the first process of a namespace and need not follow the other one into death.
        var workers = Workers();
        Qemu.Handle.Kill();
        Virtiofsd?.Handle.Kill();
        foreach (var worker in workers)
        {
            worker.Kill();
        }

        var end = BootClock.Now + limit;
        try
        {
            await Ended.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            var (program, pid) = Hanging();
            throw new HungException(program, pid, "kill", limit);
        }

        foreach (var worker in workers)
        {
            if (!await Background.Run(() => worker.WaitForEnd(BootClock.LeftUntil(end))).ConfigureAwait(false))
            {
                throw new HungException("virtiofsd", worker.Pid, "kill", limit);
            }
        }
    }

    /// <summary>The one that hangs: virtiofsd when it stands still, else QEMU.</summary>
    public (string Program, int Pid) Hanging()
    {
        if (!RunningProcess.StandsStill(Qemu.Pid) && Virtiofsd is { Ended.IsCompleted: false })
        {
            foreach (var process in (PidFd[])[Virtiofsd.Handle, .. Workers()])
            {
                if (RunningProcess.StandsStill(process.Pid))
                {
                    return ("virtiofsd", process.Pid);
                }
            }
        }

        return ("QEMU", Qemu.Pid);
    }

    public void Dispose()
    {
        Qemu.Dispose();
        Virtiofsd?.Dispose();
        foreach (var worker in known)
        {
            worker.Dispose();
        }
    }

    private static async Task AloneAsync(MachineStart start)
    {
        await start.Rights.EndStraysAsync(start.Places, start.Limits.Quit).ConfigureAwait(false);
        await Background.Run(() => PlantedException.Check(start.Places, start.Hardware)).ConfigureAwait(false);
    }

    private static Socket Listen(string path)
    {
        // .NET deletes the name it bound when the socket is disposed of, but this one is to outlive us: so it gets another name.
        string temporary = path + ".new";
        File.Delete(temporary);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(temporary));
        socket.Listen(4);
        File.Move(temporary, path, overwrite: true);
        return socket;
    }

    private void Record(HostPlaces places, Guid uuid)
    {
        var record = new ProcessRecord(Qemu.Pid, Qemu.StartTime, Virtiofsd?.Pid ?? 0, Virtiofsd?.StartTime ?? 0, uuid);
        File.WriteAllBytes(places.ProcessRecord + ".new", JsonSerializer.SerializeToUtf8Bytes(record, QemuJson.Default.ProcessRecord));
        File.Move(places.ProcessRecord + ".new", places.ProcessRecord, overwrite: true);
    }

    private async Task EndTogetherAsync()
    {
        await Qemu.Ended.ConfigureAwait(false);
        if (Virtiofsd is not null)
        {
            // It ends by itself when its connection closes; one that does not would keep the volume.
            if (await Task.WhenAny(Virtiofsd.Ended, Task.Delay(Grace)).ConfigureAwait(false) != Virtiofsd.Ended)
            {
                foreach (var process in (PidFd[])[Virtiofsd.Handle, .. Workers()])
                {
                    process.Kill();
                }
            }

            await Virtiofsd.Ended.ConfigureAwait(false);
        }
    }
}
