namespace Safes.Bench;

/// <summary>One thing to measure; it may give several results, each named with it first.</summary>
/// <param name="NeedsGuests">Root, QEMU and images.</param>
internal sealed record Item(string Name, bool NeedsGuests, Func<int, Task<IReadOnlyList<Measurement>>> RunAsync);

internal static class Items
{
    public static IReadOnlyList<Item> All { get; } =
    [
        new("open-cryptography", false, Cryptography.RunAsync),
        new("open-and-close", true, OpenAndClose.RunAsync),
        new("first-answer", true, FirstAnswer.RunAsync),
        new("resume-by-size", true, ResumeBySize.RunAsync),
        new("prefetch", true, Prefetch.RunAsync),
        new("managedsave", true, ManagedSave.RunAsync),
        new("two-hosts", true, TwoHosts.RunAsync),
        new("new-host", true, NewHost.RunAsync),
        new("share", true, Share.RunAsync),
        new("gateway-boot", true, GatewayBoot.RunAsync),
        new("path", true, GatewayPath.RunAsync),
        new("put", true, PutAndGet.RunAsync),
        new("proxy", true, Proxy.RunAsync),
    ];
}
