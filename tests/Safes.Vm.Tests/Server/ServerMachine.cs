using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests.Server;

/// <summary>
/// A server as a virtual machine: Debian's kernel with all its modules, a disk for what is temporary, and for all else the files of this machine, of which
/// it writes copies only. It has what the kernel below may lack: device mapper, flow tables, WireGuard. It has no link to any network.
/// </summary>
internal sealed partial class ServerMachine
{
    private const long Memory = 1L << 30, Disk = 2L << 30;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static readonly string Runtime = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));

    private readonly string place;
    private readonly Child machine;

    private ServerMachine(string place, Child machine) => (this.place, this.machine) = (place, machine);

    /// <summary>Waits until a line begins with <paramref name="word"/>, and returns what follows it.</summary>
    public async Task<string> SaysAsync(string word)
    {
        for (TimeSpan end = BootClock.Now + Patience; ; await Task.Delay(100))
        {
            bool ended = machine.Exited.IsCompleted;
            string said = File.Exists($"{place}/said") ? await File.ReadAllTextAsync($"{place}/said") : "";
            if (said.Split("\r\n")[..^1].FirstOrDefault(l => l.StartsWith(word, StringComparison.Ordinal)) is { } line)
            {
                return line[word.Length..].Trim();
            }

            Assert.False(ended || BootClock.Now > end, $"not '{word}' but: {said}\n{await File.ReadAllTextAsync($"{place}/console")}");
        }
    }

    /// <summary>A line for whoever reads from /dev/ttyS1.</summary>
    public async Task GoOnAsync()
    {
        using var line = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await line.ConnectAsync(new UnixDomainSocketEndPoint($"{place}/line"));
        await line.SendAsync("\n"u8.ToArray());
    }

    /// <summary>All of its memory, as a file, while it stands still.</summary>
    public async Task LookAsync(Func<string, Task> look)
    {
        machine.Signal(SignalNumbers.Stop);
        try
        {
            await look(Directory.GetFiles($"/proc/{machine.Pid}/fd").Single(f => new FileInfo(f).LinkTarget?.StartsWith("/memfd:memory-backend", StringComparison.Ordinal) == true));
        }
        finally
        {
            machine.Signal(SignalNumbers.Continue);
        }
    }

    /// <summary>Runs bash there as root and returns what it wrote; fails when it does not end with 0 within <paramref name="limit"/>.</summary>
    /// <param name="meanwhile">What is done with the machine while the script runs.</param>
    /// <param name="parameters">More of the kernel's command line.</param>
    public static async Task<string> RunAsync(string script, TimeSpan limit, Func<ServerMachine, Task>? meanwhile = null, string parameters = "")
    {
        var (said, console) = await BootAsync(script, limit, meanwhile, parameters);
        var end = End().Match(said);
        Assert.True(end.Success, $"no end within {limit}: {said}\n{console}");
        Assert.True(end.Groups[1].Value == "0", said);
        return said[..end.Index];
    }

    /// <summary>Runs bash there, and fails unless a program reboots the machine before it ends.</summary>
    public static async Task<string> RebootsAsync(string script, TimeSpan limit)
    {
        var (said, console) = await BootAsync(script, limit, null, "");
        Assert.False(End().IsMatch(said), said);
        Assert.True(console.Contains("sysrq: Resetting", StringComparison.Ordinal), $"{said}\n{console}");
        return said;
    }

    /// <summary>One boot of it, until it is off, would boot again, or <paramref name="limit"/> is over: what the script and what the kernel said.</summary>
    private static async Task<(string Said, string Console)> BootAsync(string script, TimeSpan limit, Func<ServerMachine, Task>? meanwhile, string parameters)
    {
        Parts.NeedRoot();
        var tools = await Parts.ToolsAsync();
        string place = Directory.CreateTempSubdirectory("safes-server-").FullName;
        try
        {
            await MakeAsync(tools, place, script);
            using var files = Child.Start(new ChildStart(
                tools.Virtiofsd[0],
                // One device for all below it: the layer above takes no other file system's directories.
                [.. tools.Virtiofsd.Skip(1), $"--socket-path={place}/files", "--shared-dir=/", "--sandbox=none", "--readonly", "--no-announce-submounts", "--cache=always"])
            { LogFile = Path.Combine(place, "files.log") });
            try
            {
                await ListensAsync(Path.Combine(place, "files"), files);
                using var machine = Child.Start(new ChildStart(tools.Qemu, [.. tools.QemuArguments, .. Arguments(tools, place, parameters)])
                {
                    Environment = tools.Environment,
                    LogFile = Path.Combine(place, "console"),
                });
                try
                {
                    if (meanwhile is not null)
                    {
                        await meanwhile(new ServerMachine(place, machine));
                    }

                    await machine.WaitAsync(limit);
                }
                finally
                {
                    machine.Kill();
                    await machine.Exited;
                }
            }
            finally
            {
                files.Kill();
                await files.Exited;
            }

            return (await File.ReadAllTextAsync(Path.Combine(place, "said")), await File.ReadAllTextAsync(Path.Combine(place, "console")));
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    private static async Task MakeAsync(Tools tools, string place, string script)
    {
        string version = Path.GetFileName(tools.Modules);
        await File.WriteAllTextAsync(Path.Combine(place, "init"), $"""
            #!/bin/busybox sh
            B=/bin/busybox
            $B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev
            $B insmod /overlay.ko
            $B mount -t virtiofs -o ro here /here
            $B mount -t tmpfs own /own; $B mkdir /own/written /own/work
            $B mount -t overlay -o lowerdir=/here,upperdir=/own/written,workdir=/own/work over /server
            $B mkdir -p /server/lib/modules
            $B mount -o bind /here{place}/lib/modules /server/lib/modules
            for below in proc sys dev; do $B mount -o move /$below /server/$below; done
            $B mkdir /server/dev/pts /server/dev/shm; $B mount -t devpts pts /server/dev/pts; $B mount -t tmpfs shm /server/dev/shm
            $B mount -t tmpfs run /server/run; $B cp /script /server/run/script
            exec $B switch_root /server /bin/bash /run/script

            """);
        await File.WriteAllTextAsync(Path.Combine(place, "script"), $$"""
            exec >/dev/ttyS1 2>&1
            export PATH={{ChildStart.DefaultEnvironment["PATH"]}} LANG=C.UTF-8 HOME=/root DOTNET_ROOT={{Runtime}} TMPDIR=/run/disk {{OwnMachine.Variable}}=/dev/ttyS1
            (
                set -e
                modprobe -a virtio_blk loop dm-mod dm-flakey nf_tables nf_flow_table_inet wireguard tun
                mkdir -p /run/disk /run/netns /run/lock; mkfs.ext4 -q /dev/vda; mount /dev/vda /run/disk
                ip link set lo up
                cd {{Parts.Root}}
            {{script}}
            )
            echo "ended with $?"
            echo o >/proc/sysrq-trigger
            sleep 60

            """);
        await Tool.RunAsync("bash", ["-euo", "pipefail", "-c", $$"""
            cd {{place}}
            mkdir -p lib/modules root/{bin,dev,proc,sys,here,own,server}
            cp -r {{tools.Modules}} lib/modules/
            PATH=$PATH:/usr/sbin:/sbin depmod -b . {{version}}
            xz -dc lib/modules/{{version}}/kernel/fs/overlayfs/overlay.ko.xz >root/overlay.ko
            cp {{tools.Busybox}} root/bin/busybox
            install -m 755 init script root/
            (cd root; find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >initrd
            truncate -s {{Disk}} disk
            """]);
    }

    private static string[] Arguments(Tools tools, string place, string parameters) =>
    [
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", $"q35,accel={tools.Accelerator}", "-cpu", tools.Accelerator == "kvm" ? "host" : "max",
        "-smp", "2", "-m", $"{Memory >> 20}M", "-object", $"memory-backend-memfd,id=ram,size={Memory >> 20}M,share=on", "-numa", "node,memdev=ram",
        "-kernel", tools.Kernel, "-initrd", $"{place}/initrd", "-append", $"console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on {parameters}",
        "-serial", "stdio", "-chardev", $"socket,id=said,path={place}/line,server=on,wait=off,logfile={place}/said", "-serial", "chardev:said", "-device", "virtio-rng-pci",
        "-chardev", $"socket,id=files,path={place}/files", "-device", "vhost-user-fs-pci,chardev=files,tag=here",
        "-blockdev", $"driver=file,node-name=disk,filename={place}/disk,cache.no-flush=on", "-device", "virtio-blk-pci,drive=disk",
    ];

    private static async Task ListensAsync(string socket, Child files)
    {
        for (TimeSpan end = BootClock.Now + TimeSpan.FromSeconds(20); !File.Exists(socket); await Task.Delay(20))
        {
            Assert.False(files.Exited.IsCompleted || BootClock.Now > end, "virtiofsd does not listen");
        }
    }

    [GeneratedRegex(@"^ended with (\d+)\r?$", RegexOptions.Multiline)]
    private static partial Regex End();
}
