using Safes.Hypervisor.Doctor.Checks;

namespace Safes.Hypervisor.Doctor;

/// <summary>All that the doctor tries, in the order in which it is told. Whatever a check makes for its trial it removes again.</summary>
internal sealed record Examination(string Name, bool NeedsRoot, Func<Server, CancellationToken, Task<Finding>> Try)
{
    public static IReadOnlyList<Examination> All { get; } =
    [
        Look("root", Privileges.Look),
        Trial("fscrypt", FscryptTrial.RunAsync),
        Look("device-mapper", DeviceMapper.Look),
        Look("tools", ToolsDirectory.Look),
        Trial("accelerator", Accelerator.RunAsync),
        new("QEMU", false, Suspending.TryQemuAsync),
        new("virtiofsd", false, Suspending.TryVirtiofsdAsync),
        Look("WireGuard", WireGuard.Look),
        Trial("namespaces", Networks.TryNamespacesAsync),
        Trial("nftables", Networks.TryNftablesAsync),
        Trial("forwarding", Forwarding.TryAsync),
        Look("swap", Swap.Look),
        Look("init_on_free", FreedMemory.Look),
        Look("secret memory", SecretMemory.Look),
        Look("core dumps", CoreDumps.Look),
        Look("hibernation", Hibernation.Look),
        Look("KSM", SamePages.Look),
        Look("clock", TimeSynchronisation.Look),
    ];

    /// <summary>What came of it; a check that itself fails is a finding, too.</summary>
    public async Task<Finding> RunAsync(Server server, CancellationToken stop)
    {
        if (NeedsRoot && !server.IsRoot)
        {
            return Finding.Note(Name, "not tried", "needs root");
        }

        try
        {
            return await Try(server, stop).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return Finding.Must(Name, "could not be tried", e.Message.ReplaceLineEndings(" "), "see the message; `safed doctor` again when it is mended");
        }
    }

    private static Examination Look(string name, Func<Server, Finding> look) => new(name, false, (server, _) => Task.FromResult(look(server)));

    private static Examination Trial(string name, Func<Server, CancellationToken, Task<Finding>> run) => new(name, true, run);
}
