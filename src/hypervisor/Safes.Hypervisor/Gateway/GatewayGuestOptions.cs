namespace Safes.Hypervisor.Gateway;

/// <summary>How the gateway is run.</summary>
public sealed record GatewayGuestOptions
{
    /// <summary>The directory of the image: vmlinuz, initrd.img, manifest.json.</summary>
    public required string Image { get; init; }

    /// <summary>A directory of root's for its sockets and record, `/run/safes/NAME/gateway`.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>The pin of an empty network namespace, in which QEMU runs.</summary>
    public required string EmptyNamespacePin { get; init; }

    /// <summary>Where its console and QEMU's complaints are appended.</summary>
    public required string LogFile { get; init; }

    public int MemoryMiB { get; init; } = 128;

    public int Cpus { get; init; } = 1;

    public uint User { get; init; } = 64100;

    /// <summary>How often it is asked whether it lives, and how long an answer may take.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan PingLimit { get; init; } = TimeSpan.FromSeconds(6);
}
