using System.IO.Pipes;
using System.Text.RegularExpressions;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Doctor;

/// <summary>
/// Which accelerator really runs a guest here: /dev/kvm being there proves nothing, so a tiny guest is booted, and only what it says itself
/// within a limit counts. KVM first, then TCG.
/// </summary>
/// <param name="Accelerator">"kvm" or "tcg"; null when neither runs a guest.</param>
/// <param name="Took">From QEMU's start to the guest's words.</param>
public sealed partial record AcceleratorProbe(string? Accelerator, TimeSpan Took, string KvmProblem, string Problem)
{
    private const string Words = "the probe is up";

    /// <summary>A guest that works says so in one or two seconds; a silent one is given up soon, so that nobody waits.</summary>
    public static TimeSpan KvmLimit { get; } = TimeSpan.FromSeconds(15);

    public static TimeSpan TcgLimit { get; } = TimeSpan.FromSeconds(90);

    public static async Task<AcceleratorProbe> RunAsync(Tools tools, bool hasKvm, CancellationToken stop)
    {
        string folder = Directory.CreateTempSubdirectory("safes-probe-").FullName;
        try
        {
            string initrd = Path.Combine(folder, "initrd");
            await File.WriteAllBytesAsync(initrd, InitramfsOf(await File.ReadAllBytesAsync(tools.Busybox, stop).ConfigureAwait(false)), stop).ConfigureAwait(false);
            string kvmProblem = "no /dev/kvm";
            if (hasKvm)
            {
                var (kvm, problem) = await BootAsync(tools, initrd, "kvm", "host", KvmLimit, stop).ConfigureAwait(false);
                if (kvm is { } took)
                {
                    return new AcceleratorProbe("kvm", took, "", "");
                }

                kvmProblem = problem;
            }

            var (tcg, tcgProblem) = await BootAsync(tools, initrd, "tcg", "max", TcgLimit, stop).ConfigureAwait(false);
            return new AcceleratorProbe(tcg is null ? null : "tcg", tcg ?? default, kvmProblem, tcgProblem);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] InitramfsOf(byte[] busybox)
    {
        var archive = new Initramfs();
        archive.Directory("bin");
        archive.File("bin/busybox", busybox);
        archive.File("init", System.Text.Encoding.ASCII.GetBytes($"#!/bin/busybox sh\necho {Words}\nexec /bin/busybox poweroff -f\n"));
        return archive.ToArray();
    }

    /// <summary>What QEMU complains of, without its own name before it and the colon that a second line would have followed.</summary>
    internal static string WithoutPrefix(string complaint) => Prefix().Replace(complaint.Trim(), "").TrimEnd(':', ' ');

    [GeneratedRegex(@"^\S*qemu-system-\w+: (error: )?")]
    private static partial Regex Prefix();

    private static async Task<(TimeSpan? Took, string Problem)> BootAsync(
        Tools tools, string initrd, string accelerator, string cpu, TimeSpan limit, CancellationToken stop)
    {
        using var console = new AnonymousPipeServerStream(PipeDirection.In);
        using var complaints = new AnonymousPipeServerStream(PipeDirection.In);
        var start = BootClock.Now;
        using var qemu = Child.Start(new ChildStart(
            tools.Qemu,
            [
                .. tools.QemuArguments, "-nodefaults", "-no-user-config", "-display", "none", "-machine", $"q35,accel={accelerator}", "-cpu", cpu, "-smp", "1", "-m", "192M",
                "-kernel", tools.Kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1", "-no-reboot",
                "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            ])
        {
            Environment = tools.Environment,
            Output = console.ClientSafePipeHandle,
            Error = complaints.ClientSafePipeHandle,
        });
        console.DisposeLocalCopyOfClientHandle();
        complaints.DisposeLocalCopyOfClientHandle();
        using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
        time.CancelAfter(limit);
        try
        {
            var complaint = new StreamReader(complaints).ReadLineAsync(time.Token).AsTask();
            using var lines = new StreamReader(console);
            while (await lines.ReadLineAsync(time.Token).ConfigureAwait(false) is { } line)
            {
                if (line.Contains(Words, StringComparison.Ordinal))
                {
                    return (BootClock.Now - start, "");
                }
            }

            string? said = await complaint.ConfigureAwait(false);
            return (null, said is null ? "QEMU ended before the guest said anything" : WithoutPrefix(said));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return (null, $"the guest said nothing within {limit.TotalSeconds:0} s");
        }
        finally
        {
            qemu.KillGroup();
        }
    }
}
