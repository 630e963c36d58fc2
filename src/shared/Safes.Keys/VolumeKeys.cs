using Safes.Secrets;

namespace Safes.Keys;

/// <summary>What the volume master key leads to. Wiped together.</summary>
public sealed class VolumeKeys : IDisposable
{
    public const int MasterSize = 32, VolumeSize = 64;

    private VolumeKeys(SecretBuffer volume, SecretBuffer header, SecretBuffer marker) => (Volume, Header, Marker) = (volume, header, marker);

    /// <summary>64 bytes: what the kernel encrypts with.</summary>
    public SecretBuffer Volume { get; }

    /// <summary>32 bytes: authenticates the header.</summary>
    public SecretBuffer Header { get; }

    /// <summary>32 bytes: authenticates the marker on the volume.</summary>
    public SecretBuffer Marker { get; }

    /// <summary>VMK = H(rs || rc, safe, "safes/1/vmk-new"): made from both sides, so neither alone can choose it.</summary>
    public static SecretBuffer NewMaster(SecretBuffer serverShare, SecretBuffer clientShare, SafeId safe)
    {
        using var both = SecretBuffer.Allocate(serverShare.Length + clientShare.Length);
        using var to = both.Borrow();
        using var server = serverShare.Borrow();
        using var client = clientShare.Borrow();
        server.Span.CopyTo(to.Span);
        client.Span.CopyTo(to.Span[server.Span.Length..]);
        return Kdf.Derive(both, safe.ToBytes(), "safes/1/vmk-new"u8);
    }

    public static VolumeKeys Derive(SecretBuffer vmk) => new(
        Kdf.Derive(vmk, [], "safes/1/volume"u8, VolumeSize), Kdf.Derive(vmk, "safes/1/header"u8), Kdf.Derive(vmk, "safes/1/marker"u8));

    public void Dispose()
    {
        Volume.Dispose();
        Header.Dispose();
        Marker.Dispose();
    }
}
