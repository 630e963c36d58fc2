using Safes.Hypervisor.Doctor;
using Safes.Hypervisor.Doctor.Checks;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Tests.Doctor;

/// <summary>Which accelerator is believed, and by what.</summary>
public sealed class AcceleratorTests : IDisposable
{
    private readonly string tools = Directory.CreateTempSubdirectory("safes-tools-").FullName;

    [Theory]
    [InlineData("kvm", "tcg", Grade.Should)]
    [InlineData("tcg", "kvm", Grade.Must)]
    [InlineData("kvm", "kvm", Grade.Good)]
    [InlineData("tcg", "tcg", Grade.Should)]
    public void The_doctor_compares_what_runs_a_guest_with_what_hosts_are_started_under(string found, string written, object grade)
    {
        var finding = Accelerator.Judge(new AcceleratorProbe(found, TimeSpan.FromSeconds(1), "it aborts", ""), Tools(written));
        Assert.Equal(grade, finding.Grade);
        Assert.Equal(found != written, finding.Do.Contains("packaging/accelerator", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("qemu-system-x86_64: error: failed to set MSR 0x10a to 0x0:", "failed to set MSR 0x10a to 0x0")]
    [InlineData("/opt/qemu-system-x86_64: Could not access KVM kernel module: No such file or directory", "Could not access KVM kernel module: No such file or directory")]
    [InlineData("the guest said nothing", "the guest said nothing")]
    public void What_QEMU_complains_of_is_told_without_its_own_name(string said, string told) => Assert.Equal(told, AcceleratorProbe.WithoutPrefix(said));

    [Theory]
    [InlineData("case \"$*\" in *accel=kvm*) echo the probe is up ;; esac", "kvm")]
    [InlineData("echo nothing of that", "tcg")]
    [InlineData("kill -ABRT $$", "tcg")]
    public async Task A_guest_has_to_speak_before_kvm_is_written(string qemu, string expected)
    {
        Assert.SkipUnless(File.Exists("/dev/kvm"), "where there is no /dev/kvm nothing is tried");
        string program = Path.Combine(tools, "qemu");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\n{qemu}\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(program, (UnixFileMode)0x1ed);
        await File.WriteAllTextAsync(Path.Combine(tools, "tools.json"), $$"""
            {
              "stamp": "x",
              "qemu": "{{program}}",
              "qemuEnvironment": {"A": "b"},
              "qemuArguments": [],
              "busybox": "/bin/true",
              "kernel": "/dev/null",
              "accelerator": "{{(expected == "tcg" ? "kvm" : "tcg")}}"
            }

            """, TestContext.Current.CancellationToken);
        var said = await Tool.RunAsync(Path.Combine(Root(), "packaging", "accelerator"), [tools], limit: TimeSpan.FromMinutes(1));
        Assert.Equal(expected, said.Trim());
        Assert.Contains($"\"accelerator\": \"{expected}\"", await File.ReadAllTextAsync(Path.Combine(tools, "tools.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(tools, recursive: true);

    private static Tools Tools(string accelerator) =>
        new() { Qemu = "/q", QemuImg = "/i", Virtiofsd = ["/v"], Kernel = "/k", Modules = "/m", Busybox = "/b", Accelerator = accelerator };

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Safes.slnx")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }
}
