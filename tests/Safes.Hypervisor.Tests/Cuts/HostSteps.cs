namespace Safes.Hypervisor.Tests.Cuts;

/// <summary>The named steps of a host's life, in the order in which safed comes to them. They need guests.</summary>
internal static class HostSteps
{
    /// <summary>Up to the second one there is no host.</summary>
    public static IReadOnlyList<string> Making { get; } = ["host: files made", "host: loaded", "host: defined", "host: running", "host: introduced"];

    public static IReadOnlyList<string> Booting { get; } = ["boot: memory cleared", "boot: started", "boot: defined"];

    public static IReadOnlyList<string> Resuming { get; } = ["resume: loaded", "resume: image forgotten", "resume: running"];

    public static IReadOnlyList<string> Suspending { get; } = ["suspend: stopped", "suspend: saved", "suspend: flushed", "suspend: ended", "suspend: recorded"];

    public static IReadOnlyList<string> Stopping { get; } = ["stop: agent there"];

    public static IReadOnlyList<string> Removing { get; } = ["remove: ended", "remove: files gone", "remove: port gone"];

    public static IReadOnlyList<string> All { get; } = [.. Making, .. Booting, .. Resuming, .. Suspending, .. Stopping, .. Removing];
}
