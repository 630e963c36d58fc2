using System.IO.Pipes;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Bench;

/// <summary>
/// A guest of libvirt with the hosts' image, processors and machine, but without share and port. libvirt's own driver runs within virsh, as a user
/// without rights, and has everything that it writes in a directory on the volume; so there is no daemon, and nothing of a libvirt that may be there is touched.
/// </summary>
internal sealed class LibvirtGuest : IAsyncDisposable
{
    private const string Place = "/var/tmp/safes-libvirt", Mounted = Place + "/v", Uri = "qemu:///embed?root=" + Mounted, Name = "bench";
    private const uint User = 64199;

    private readonly Child virsh;
    private readonly AnonymousPipeServerStream input = new(PipeDirection.Out, HandleInheritability.None), output = new(PipeDirection.In, HandleInheritability.None);
    private readonly StreamReader said;

    private LibvirtGuest()
    {
        virsh = Child.Start(new ChildStart("setpriv", ["--reuid", $"{User}", "--regid", $"{User}", "--clear-groups", "virsh", "-q", "-c", Uri])
        {
            Environment = new Dictionary<string, string>(ChildStart.DefaultEnvironment)
            {
                ["HOME"] = Mounted,
                ["XDG_RUNTIME_DIR"] = Mounted,
                ["XDG_CACHE_HOME"] = $"{Mounted}/cache",
                ["XDG_CONFIG_HOME"] = $"{Mounted}/config",
            },
            Input = input.ClientSafePipeHandle,
            Output = output.ClientSafePipeHandle,
            Error = output.ClientSafePipeHandle,
        });
        input.DisposeLocalCopyOfClientHandle();
        output.DisposeLocalCopyOfClientHandle();
        said = new StreamReader(output);
    }

    /// <param name="directory">On the open volume; until it is disposed the volume cannot be closed.</param>
    public static async Task<LibvirtGuest> ConnectAsync(string directory)
    {
        Directory.CreateDirectory(Mounted);
        await Tool.RunAsync("mount", ["--bind", directory, Mounted]);
        return new LibvirtGuest();
    }

    /// <summary>Makes the directory with the guest's disk and definition.</summary>
    public static async Task MakeAsync(Tools tools, string directory, string image, long memoryBytes)
    {
        Directory.CreateDirectory(Place);
        Directory.CreateDirectory(Path.Combine(directory, "etc"));
        await File.WriteAllTextAsync(Path.Combine(directory, "etc/qemu.conf"), "stdio_handler = \"file\"\nsecurity_driver = \"none\"\n");
        // Not on the volume, where nothing can be started.
        string emulator = Path.Combine(Place, "emulator");
        string settings = string.Join(' ', tools.QemuEnvironment.Select(e => $"{e.Key}={e.Value}"));
        await File.WriteAllTextAsync(emulator, $"#!/bin/sh\nexec env {settings} {tools.Qemu} {string.Join(' ', tools.QemuArguments)} \"$@\"\n");
        File.SetUnixFileMode(emulator, (UnixFileMode)0x1ed);
        string disk = Path.Combine(directory, "disk.qcow2");
        await Tool.RunAsync("env", [.. tools.QemuEnvironment.Select(e => $"{e.Key}={e.Value}"), tools.QemuImg, "create", "-q", "-f", "qcow2", "-b", Path.Combine(image, "disk.qcow2"), "-F", "qcow2", disk]);
        await File.WriteAllTextAsync(Path.Combine(directory, "guest.xml"), $"""
            <domain type='{(tools.Accelerator == "kvm" ? "kvm" : "qemu")}'><name>{Name}</name><memory unit='b'>{memoryBytes}</memory><vcpu>1</vcpu>
            <os><type arch='x86_64' machine='{HostHardware.Machine}'>hvm</type><kernel>{image}/vmlinuz</kernel><initrd>{image}/initrd.img</initrd>
            <cmdline>console=ttyS0 quiet net.ifnames=0 mitigations=off random.trust_cpu=on</cmdline></os>
            <features><acpi/></features><cpu mode='{(tools.Accelerator == "kvm" ? "host-passthrough" : "maximum")}'/>
            <devices><emulator>{emulator}</emulator>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{Mounted}/disk.qcow2'/><target dev='vda' bus='virtio'/></disk>
            <serial type='file'><source path='{Mounted}/console'/></serial>
            <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
            <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng><memballoon model='none'/></devices></domain>

            """);
        await Tool.RunAsync("chown", ["-R", $"{User}:{User}", directory]);
    }

    /// <summary>Boots it, and has it rewrite so much of its memory.</summary>
    public async Task BeginAsync(int mebibytes)
    {
        await CallAsync($"define {Mounted}/guest.xml");
        await CallAsync($"start {Name}");
        var end = BootClock.Now + TimeSpan.FromMinutes(3);
        while ((await AskAsync($$"""qemu-agent-command {{Name}} '{"execute":"guest-ping"}'""")).Contains("error:", StringComparison.Ordinal))
        {
            Assert.True(BootClock.Now < end, "the guest's agent does not answer");
            await Task.Delay(500);
        }

        string script = $"mount -o remount,size=90% /dev/shm; head -c {mebibytes}M /dev/urandom >/dev/shm/work; touch /dev/shm/done";
        await CallAsync($$$"""qemu-agent-command {{{Name}}} '{"execute":"guest-exec","arguments":{"path":"/bin/sh","arg":["-c","{{{script}}}"]}}'""");
        while ((await AskAsync($$$"""qemu-agent-command {{{Name}}} '{"execute":"guest-file-open","arguments":{"path":"/dev/shm/done"}}'""")).Contains("error:", StringComparison.Ordinal))
        {
            Assert.True(BootClock.Now < end, "the guest does not come to the end of its work");
            await Task.Delay(500);
        }
    }

    public Task<TimeSpan> SaveAsync() => CallAsync($"managedsave {Name}");

    public Task<TimeSpan> StartAsync() => CallAsync($"start {Name}");

    private async Task<TimeSpan> CallAsync(string command)
    {
        var start = BootClock.Now;
        string answer = await AskAsync(command);
        var took = BootClock.Now - start;
        return answer.Contains("error:", StringComparison.Ordinal) ? throw new InvalidOperationException($"virsh {command}: {answer}") : took;
    }

    private async Task<string> AskAsync(string command)
    {
        // Commands are read one after the other, and the answer to this one is known.
        await input.WriteAsync(System.Text.Encoding.UTF8.GetBytes($"{command}\nuri\n"));
        var answer = new List<string>();
        while (await said.ReadLineAsync() is { } line)
        {
            if (line == Uri)
            {
                return string.Join('\n', answer);
            }

            answer.Add(line);
        }

        throw new InvalidOperationException($"virsh has ended: {string.Join('\n', answer)}");
    }

    /// <summary>A guest that still runs is destroyed.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await input.WriteAsync(System.Text.Encoding.UTF8.GetBytes($"destroy {Name}\nquit\n"));
        }
        catch (IOException)
        {
            // It has ended already.
        }

        await input.DisposeAsync();
        if (await virsh.WaitAsync(TimeSpan.FromSeconds(30)) is null)
        {
            virsh.KillGroup();
        }

        said.Dispose();
        virsh.Dispose();
        await Tool.RunAsync("umount", [Mounted]);
    }

    /// <summary>What is not on the volume.</summary>
    public static void Remove() => Directory.Delete(Place, recursive: true);
}
