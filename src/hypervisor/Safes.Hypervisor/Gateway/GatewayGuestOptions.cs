using Safes.Qemu;

namespace Safes.Hypervisor.Gateway;

/// <summary>How the gateway is run.</summary>
public sealed record GatewayGuestOptions
{
    public required Tools Tools { get; init; }

    /// <summary>The image: vmlinuz, initrd.img, manifest.json.</summary>
    public required string Image { get; init; }

    /// <summary>A directory of root's for the socket of its port, `/run/safes/NAME/gateway`.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>The pin of an empty network namespace, in which QEMU runs.</summary>
    public required string EmptyNamespacePin { get; init; }

    /// <summary>Where its console and QEMU's complaints are appended; at most 1 MiB, then one older file is kept beside it.</summary>
    public required string LogFile { get; init; }

    public int MemoryMiB { get; init; } = 128;

    public int Cpus { get; init; } = 1;

    public uint User { get; init; } = 64100;

    /// <summary>How often it is asked whether it lives.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer may take before the gateway counts as dead.</summary>
    public TimeSpan AnswerLimit { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>From QEMU's start to the gateway's first word.</summary>
    public TimeSpan BootLimit { get; init; } = TimeSpan.FromSeconds(60);
}
