using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Qemu;
using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>
/// A host suspended and resumed by hand, step by step, with the same command line, files and guest. It is what the daemon's way is compared
/// to: the state is digested, recorded, durably unlinked, agent and clock are seen to, but there are no deadlines, no adoption, no reports.
/// </summary>
internal sealed class RawHost(Tools tools, HostHardware hardware, HostPlaces places, Func<Task<SafeFileHandle>> openPort) : IDisposable
{
    private Child? qemu, virtiofsd;
    private RawLines? qmp, agent;

    public HostPlaces Places => places;

    /// <summary>How virtiofsd is started; on its descriptor 3 it listens.</summary>
    public Func<SafeHandle, ChildStart> Virtiofsd { get; init; } = listener => VirtiofsdCommand.Start(tools, places.Share, listener, null);

    /// <summary>One of an open fleet's, to be run by hand while the fleet does not: also when the volume is opened by hand.</summary>
    public static async Task<Func<RawHost>> OfAsync(Fleet fleet, string name, Func<Tools, HostPlaces, SafeHandle, ChildStart>? virtiofsd = null)
    {
        var (root, tools) = (fleet.Volume.Volume.Root, await Parts.ToolsAsync());
        var definition = HostDefinition.Read(root.Below("hosts"), name, SafeUsers.Usual)!;
        int number = definition.Number;
        var hardware = new HostHardware(definition.Name, definition.Cpus, definition.MemoryBytes, fleet.Ports.Mac(number), SafeUsers.Usual.Host(number), definition.Uuid);
        var places = new HostPlaces(
            root.PathOf($"hosts/{name}"), Path.Combine(fleet.Volume.Place, "hosts", name), root.PathOf("share"), root.PathOf($"images/{definition.Image}"));
        Task<SafeFileHandle> OpenPort() => fleet.Ports.OpenAsync(number);
        return () => virtiofsd is null
            ? new RawHost(tools, hardware, places, OpenPort)
            : new RawHost(tools, hardware, places, OpenPort) { Virtiofsd = listener => virtiofsd(tools, places, listener) };
    }

    /// <summary>Cold, from its disk.</summary>
    public Task BootAsync() => StartAsync();

    public async Task ResumeAsync()
    {
        await StartAsync("-incoming", "defer");
        using (var state = Fcntl.Open(places.State, Fcntl.ReadOnly))
        {
            Migrate("migrate-incoming", state);
        }

        File.Delete(places.StateRecord);
        File.Delete(places.State);
        Fcntl.SyncDirectory(places.Home);
        qmp!.Call("cont");
        agent = new RawLines(places.AgentSocket);
        agent.Send("\u00ff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":4711}}\n");
        while (!(agent.Hear() is var heard && heard.TryGetProperty("return", out var id) && id.ToString() == "4711"))
        {
        }

        agent.Call("guest-set-time", $$"""{"time":{{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()}}000000}""");
        long off = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - (agent.Call("guest-get-time").GetInt64() / 1_000_000);
        if (Math.Abs(off) > 1000)
        {
            throw new InvalidOperationException($"the guest's clock is {off} ms off");
        }
    }

    /// <summary>Room for the state, as it is taken after each resume while there is some.</summary>
    public void Reserve() => StateRoom.Allocate(places, shareMemory: 0);

    public void WriteBack() => WriteBack(places.Ram, 2);

    public async Task SuspendAsync()
    {
        qmp!.Call("stop");
        long length;
        using (var state = Fcntl.Open(places.State, Fcntl.ReadWrite))
        {
            Migrate("migrate", state);
            length = Unistd.Position(state);
        }

        var digest = Task.Run(() => StateRecord.DigestOf(places.State, length));
        await Task.WhenAll(
            Task.Run(() => WriteBack(places.Ram, 2)), Task.Run(() => WriteBack(places.State, 1)), Task.Run(() => WriteBack(places.Disk, 1)));
        Fcntl.SyncDirectory(places.Home);
        qmp.Call("quit");
        qmp.Dispose();
        agent?.Dispose();
        await qemu!.Exited;
        await virtiofsd!.Exited;
        new StateRecord
        {
            Host = hardware.Name,
            Generation = 1,
            Digest = await digest,
            Length = length,
            Ram = FileMark.Of(places.Ram)!,
            Disk = FileMark.Of(places.Disk)!,
            Qemu = tools.QemuVersion,
            Accelerator = tools.Accelerator,
            Cpu = HostCpu.Describe(tools.Accelerator),
            Hardware = hardware.Shape(tools.Accelerator),
            SavedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
        }.Write(places);
        qemu.Dispose();
        virtiofsd.Dispose();
        (qemu, virtiofsd) = (null, null);
    }

    /// <summary>As a power cut would; nothing of it is left afterwards.</summary>
    public async Task EndAsync()
    {
        Dispose();
        await Task.WhenAll(qemu?.Exited ?? Task.CompletedTask, virtiofsd?.Exited ?? Task.CompletedTask);
    }

    public void Dispose()
    {
        qemu?.KillGroup();
        virtiofsd?.KillGroup();
    }

    private async Task StartAsync(params string[] more)
    {
        using var listenQmp = Listen(places.QmpSocket);
        using var listenAgent = Listen(places.AgentSocket);
        string shareSocket = Path.Combine(places.Run, "fs");
        using var share = Listen(shareSocket);
        using var shareEnd = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        shareEnd.Connect(new UnixDomainSocketEndPoint(shareSocket));
        using var tap = await openPort();
        virtiofsd = Child.Start(Virtiofsd(share.SafeHandle));
        SafeHandle[] descriptors = [listenQmp.SafeHandle, listenAgent.SafeHandle, tap, shareEnd.SafeHandle];
        string image = Path.GetRelativePath(places.Home, places.Image);
        qemu = Child.Start(QemuCommand.Start(
            tools, ["-name", hardware.Name, .. hardware.Arguments(tools.Accelerator, image, $"{Guid.NewGuid()}", new Slots(3, 4, 5, 6)), .. more],
            hardware.User, descriptors, null, places.QemuLog, places.Home));
        qmp = new RawLines(places.QmpSocket);
        qmp.Hear();
        qmp.Call("qmp_capabilities");
    }

    private void Migrate(string verb, SafeFileHandle state)
    {
        qmp!.Call("migrate-set-capabilities", """{"capabilities":[{"capability":"events","state":true},{"capability":"x-ignore-shared","state":true}]}""");
        qmp.Call("migrate-set-parameters", """{"max-bandwidth":17592186044416}""");
        qmp.Call("getfd", """{"fdname":"state"}""", state);
        qmp.Call(verb, """{"uri":"fd:state"}""");
        while (true)
        {
            var happened = qmp.NextEvent();
            if (happened.GetProperty("event").GetString() == "MIGRATION")
            {
                switch (happened.GetProperty("data").GetProperty("status").GetString())
                {
                    case "completed": return;
                    case "failed": throw new InvalidOperationException($"{verb} failed");
                }
            }
        }
    }

    private static Socket Listen(string path)
    {
        File.Delete(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path + ".raw"));
        socket.Listen(4);
        File.Move(path + ".raw", path, overwrite: true);
        return socket;
    }

    // fscrypt encrypts in the thread that asks, so the halves go in two.
    private static void WriteBack(string file, int threads)
    {
        using var handle = Fcntl.Open(file, Fcntl.ReadOnly);
        long length = RandomAccess.GetLength(handle), part = ((length / threads) + 4095) / 4096 * 4096;
        Parallel.For(0, threads, i => Fcntl.WriteBack(handle, i * part, Math.Max(0, Math.Min(part, length - (i * part)))));
        Fcntl.Sync(handle, file);
    }
}
