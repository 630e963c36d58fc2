namespace Safes.Qemu;

/// <summary>What a saved state belongs to; stands beside it, padded into room allocated beforehand.</summary>
public sealed record StateRecord
{
    public required string Host { get; init; }

    public required ulong Generation { get; init; }

    public required string Digest { get; init; }

    public required long Length { get; init; }

    public required string Hardware { get; init; }
}

/// <summary>Which processes are a running machine.</summary>
internal sealed record ProcessRecord(int Qemu, ulong QemuStart, int Virtiofsd, ulong VirtiofsdStart, Guid Uuid);
