using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Safes.Linux;
using Safes.Network;
using Safes.Qemu;

namespace Safes.Hypervisor.Gateway;

/// <summary>The gateway's QEMU: started by us, or found running after a restart of safed.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private const int LogLimit = 1 << 20;
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    private readonly PidFd pidfd;
    private readonly IDisposable? owner;

    private GatewayProcess(PidFd pidfd, GatewayLine line, IDisposable? owner)
    {
        this.pidfd = pidfd;
        this.owner = owner;
        Line = line;
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Ended = ended.Task;
        new Thread(
            () =>
            {
                try
                {
                    while (!pidfd.WaitForEnd(TimeSpan.FromDays(1))) { }
                }
                catch (Exception e) when (e is ObjectDisposedException or LinuxException)
                {
                    // Nobody waits any more.
                }

                ended.TrySetResult();
            },
            128 * 1024)
        { IsBackground = true, Name = "wait gateway" }.Start();
    }

    public GatewayLine Line { get; }

    public int Pid => pidfd.Pid;

    public Task Ended { get; }

    /// <summary>Finds the gateway that runs for this safe: by its uuid in the command line and its user, which only root can give.</summary>
    public static async Task<GatewayProcess?> FindAsync(GatewayGuestOptions options)
    {
        if (FindPid(options) is not { } pidfd)
        {
            return null;
        }

        try
        {
            return new GatewayProcess(pidfd, await GatewayLine.ConnectAsync(PortPath(options)).ConfigureAwait(false), owner: null);
        }
        catch (SocketException)
        {
            // It runs but its port is not where it should be: it cannot be told anything.
            await EndAsync(pidfd).ConfigureAwait(false);
            return null;
        }
    }

    /// <summary>Ends a gateway of this safe that may run.</summary>
    public static async Task EndAsync(GatewayGuestOptions options)
    {
        while (FindPid(options) is { } pidfd)
        {
            await EndAsync(pidfd).ConfigureAwait(false);
        }
    }

    public static async Task<GatewayProcess> StartAsync(GatewayGuestOptions options, SafeNetwork network)
    {
        using var image = GatewayImage.Open(options.Image);
        Directory.CreateDirectory(options.RunDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        KeepLogSmall(options.LogFile);
        using var listener = Listen(PortPath(options));
        using var ports = network.OpenGatewayPorts();
        var start = QemuCommand.Start(
            options.Tools, Arguments(options), options.User,
            [listener.SafeHandle, ports.Uplink, ports.Control, ports.Inside, image.Kernel, image.Initrd], options.EmptyNamespacePin, options.LogFile);
        // A gateway gone bad must not fill the server's disk through its console.
        var child = Child.Start(start with
        {
            Program = "prlimit",
            Arguments = [$"--fsize={LogLimit}", "--core=0", start.Program, .. start.Arguments],
        });
        try
        {
            return new GatewayProcess(child.PidFd, await GatewayLine.ConnectAsync(PortPath(options)).ConfigureAwait(false), child);
        }
        catch
        {
            child.Kill();
            child.Dispose();
            throw;
        }
    }

    /// <summary>Ends it and waits for that.</summary>
    public Task EndAsync() => EndAsync(pidfd, dispose: false);

    public async ValueTask DisposeAsync()
    {
        await Line.DisposeAsync().ConfigureAwait(false);
        if (Ended.IsCompleted)
        {
            owner?.Dispose();
            pidfd.Dispose();
        }
    }

    // .NET deletes the path that a socket was bound to when its own handle is closed, but a later safed needs it: hence the renaming.
    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        File.Delete(path + ".new");
        socket.Bind(new UnixDomainSocketEndPoint(path + ".new"));
        socket.Listen(1);
        File.Move(path + ".new", path, overwrite: true);
        return socket;
    }

    private static string PortPath(GatewayGuestOptions options) => Path.Combine(options.RunDirectory, "port");

    private static Guid Uuid(GatewayGuestOptions options) =>
        new(SHA256.HashData(Encoding.UTF8.GetBytes($"gateway {Path.GetFullPath(options.RunDirectory)}")).AsSpan(0, 16));

    /// <summary>Its descriptors are, from 3 on: the listening socket of its port, uplink, control, inside, kernel, initrd.</summary>
    internal static string[] Arguments(GatewayGuestOptions options) =>
    [
        "-name", "gateway", "-uuid", $"{Uuid(options)}",
        "-machine", $"q35,accel={options.Tools.Accelerator},dump-guest-core=off", "-cpu", options.Tools.Accelerator == "kvm" ? "host" : "max",
        "-smp", $"{options.Cpus}", "-m", $"{options.MemoryMiB}M", "-no-reboot", "-rtc", "base=utc,clock=host",
        "-kernel", "/proc/self/fd/7", "-initrd", "/proc/self/fd/8",
        "-append", "console=ttyS0 quiet net.ifnames=0 ipv6.disable=1 panic=-1 mitigations=off random.trust_cpu=on",
        "-serial", "stdio", "-device", "virtio-rng-pci",
        "-device", "virtio-serial-pci", "-chardev", "socket,id=port,fd=3,server=on,wait=off", "-device", "virtserialport,chardev=port,name=org.safes.gateway",
        .. Link(0, GatewayPorts.UplinkMac), .. Link(1, GatewayPorts.ControlMac), .. Link(2, GatewayPorts.InsideMac),
    ];

    private static string[] Link(int number, string mac) =>
        ["-netdev", $"tap,id=n{number},fd={4 + number}", "-device", $"virtio-net-pci,netdev=n{number},mac={mac},romfile="];

    private static void KeepLogSmall(string file)
    {
        if (File.Exists(file) && new FileInfo(file).Length > LogLimit / 4)
        {
            File.Move(file, file + ".1", overwrite: true);
        }
    }

    private static PidFd? FindPid(GatewayGuestOptions options)
    {
        string uuid = Uuid(options).ToString();
        foreach (int pid in ProcessTable.All())
        {
            if (Is(pid) && PidFd.Open(pid) is { } pidfd)
            {
                // The number may have gone to another process before it was opened; what is opened stays.
                if (Is(pid))
                {
                    return pidfd;
                }

                pidfd.Dispose();
            }
        }

        return null;

        bool Is(int pid)
        {
            try
            {
                return File.ReadAllText($"/proc/{pid}/cmdline").Split('\0').SkipWhile(a => a != "-uuid").Skip(1).FirstOrDefault() == uuid &&
                    File.ReadLines($"/proc/{pid}/status").Any(l => l.StartsWith($"Uid:\t{options.User}\t", StringComparison.Ordinal)) &&
                    !File.ReadLines($"/proc/{pid}/status").Any(l => l.StartsWith("State:\tZ", StringComparison.Ordinal));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private static Task EndAsync(PidFd pidfd, bool dispose = true) => Task.Run(() =>
    {
        pidfd.Kill();
        bool ended = pidfd.WaitForEnd(EndLimit);
        if (dispose)
        {
            pidfd.Dispose();
        }

        if (!ended)
        {
            throw new HungException("QEMU", pidfd.Pid, "end the gateway", EndLimit);
        }
    });
}
