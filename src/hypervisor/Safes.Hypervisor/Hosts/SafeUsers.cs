namespace Safes.Hypervisor.Hosts;

/// <summary>
/// The users that one safe's machines run as on this server, and no other safe's: one for its gateway, one for each host by its number. A
/// user can signal its own processes and read its own files, whosesoever they are, so two safes have none in common.
/// </summary>
/// <param name="First">The user of number 0; hosts have the numbers 10 to 254.</param>
public sealed record SafeUsers(uint First)
{
    private const uint Below = 100, Apart = 512, FirstOfOthers = 1879048192 + 256, Safes = 1000;

    /// <summary>Those of a server's first safe, and of all that say nothing else.</summary>
    public static SafeUsers Usual { get; } = new(64200);

    public uint Gateway => First - Below;

    public uint Host(int number) => First + (uint)number;

    /// <summary>Whose user it is; null: no host's of this safe.</summary>
    public int? NumberOf(uint user) =>
        user == First + HostDefinition.ProxyNumber || (user >= First + HostDefinition.FirstNumber && user <= First + HostDefinition.LastNumber) ? (int)(user - First) : null;

    /// <summary>True for the ranges that <see cref="Free"/> gives out.</summary>
    public bool IsValid => this == Usual || (First >= FirstOfOthers && First < FirstOfOthers + Safes * Apart && (First - FirstOfOthers) % Apart == 0);

    /// <summary>The first range that none of these safes has. The further ones lie where distributions and systemd give out no users.</summary>
    public static SafeUsers Free(IReadOnlyCollection<SafeUsers> taken) =>
        Enumerable.Range(-1, (int)Safes).Select(i => i < 0 ? Usual : new SafeUsers(FirstOfOthers + (uint)i * Apart)).First(u => !taken.Contains(u));
}
