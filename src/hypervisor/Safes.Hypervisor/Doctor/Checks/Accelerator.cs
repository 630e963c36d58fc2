using Safes.Qemu;

namespace Safes.Hypervisor.Doctor.Checks;

internal static class Accelerator
{
    private const string Name = "accelerator";

    public static async Task<Finding> RunAsync(Server server, CancellationToken stop)
    {
        if (server.Tools is not { } tools)
        {
            return ToolsDirectory.Wanted(Name);
        }

        var probe = await AcceleratorProbe.RunAsync(tools, server.Has("dev/kvm"), stop).ConfigureAwait(false);
        return Judge(probe, tools);
    }

    internal static Finding Judge(AcceleratorProbe probe, Tools tools) => probe switch
    {
        { Accelerator: "kvm" } when tools.Accelerator != "kvm" => Finding.Should(
            Name, $"KVM runs a guest here, but tools.json says {tools.Accelerator}", "hosts run many times slower, and TCG isolates none of them",
            "packaging/accelerator, then `safed image build`; suspended hosts have to be started cold once"),
        { Accelerator: "kvm" } => Finding.Good(Name, $"KVM (booted a probe in {probe.Took.TotalSeconds:0.0} s)"),
        { Accelerator: "tcg" } when tools.Accelerator != "tcg" => Finding.Must(
            Name, $"tools.json says {tools.Accelerator}, but KVM runs no guest here ({probe.KvmProblem})", "neither gateway nor hosts start",
            "mend KVM, or packaging/accelerator, then `safed image build`; suspended hosts have to be started cold once"),
        { Accelerator: "tcg" } => Finding.Should(
            Name, $"TCG (booted a probe in {probe.Took.TotalSeconds:0.0} s); KVM runs no guest here ({probe.KvmProblem})",
            "TCG isolates no guest from the server, as QEMU itself says: good for trying a safe, not for secrets",
            "for real use: a server with VT-x or AMD-V switched on in its firmware, or one rented with nested virtualisation"),
        _ => Finding.Must(
            Name, $"no guest boots: {probe.Problem}", "hosts and gateway are virtual machines", $"try by hand: {tools.Qemu} -machine q35,accel=tcg -kernel {tools.Kernel}"),
    };
}
