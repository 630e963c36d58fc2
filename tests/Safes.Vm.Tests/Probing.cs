using Safes.Hypervisor.Doctor;
using Safes.Qemu;

namespace Safes.Vm.Tests;

[Trait("needs", "guest")]
public sealed class Probing
{
    [Fact]
    public async Task The_accelerator_is_the_one_that_a_booted_guest_spoke_under()
    {
        var tools = await Tools.LoadAsync();
        var probe = await AcceleratorProbe.RunAsync(tools, File.Exists("/dev/kvm"), TestContext.Current.CancellationToken);
        Assert.Contains(probe.Accelerator, new[] { "kvm", "tcg" });
        Assert.True(probe.Took > TimeSpan.Zero);
    }

    [Fact]
    public async Task A_guest_that_cannot_boot_is_said_not_to_have()
    {
        var tools = await Tools.LoadAsync();
        var probe = await AcceleratorProbe.RunAsync(tools with { Kernel = tools.Busybox }, hasKvm: false, TestContext.Current.CancellationToken);
        Assert.Null(probe.Accelerator);
        Assert.NotEmpty(probe.Problem);
    }

    [Fact]
    public async Task The_doctor_finds_a_line_for_everything_and_nothing_that_must_change_here()
    {
        var findings = await DoctorCommand.FindAsync(null, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(18, findings.Count);
        Assert.DoesNotContain(findings, f => f.Grade == Grade.Must);
    }
}
