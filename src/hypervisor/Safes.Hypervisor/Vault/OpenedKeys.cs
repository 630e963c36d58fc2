using Safes.Keys;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>What the marker on the volume says about it.</summary>
public enum MarkerCheck
{
    /// <summary>The volume is as new as the header.</summary>
    Right,

    /// <summary>The header was changed since the volume was last mounted: write <see cref="OpenedKeys.NewMarker"/>, then call <see cref="Vault.MarkerWritten"/>.</summary>
    Behind,

    /// <summary>Another safe's volume, an older copy of it, or an older copy of the header. Nothing may be written to it.</summary>
    Wrong,
}

/// <summary>What a right password leads to. Wiped by the caller as soon as the kernel has the key.</summary>
public sealed class OpenedKeys : IDisposable
{
    private readonly VolumeKeys keys;
    private readonly SafeId safe;
    private readonly ulong oldest;

    internal OpenedKeys(VolumeKeys keys, SafeId safe, ulong generation, ulong oldestMarker)
    {
        (this.keys, this.safe, oldest) = (keys, safe, oldestMarker);
        Generation = generation;
    }

    /// <summary>64 bytes, for the kernel.</summary>
    public SecretBuffer VolumeKey => keys.Volume;

    public ulong Generation { get; }

    /// <summary>Before anything is written to the volume.</summary>
    public MarkerCheck CheckMarker(ReadOnlySpan<byte> marker) => Marker.Read(keys.Marker, safe, marker) switch
    {
        { } g when g == Generation => MarkerCheck.Right,
        { } g when g >= oldest && g < Generation => MarkerCheck.Behind,
        _ => MarkerCheck.Wrong,
    };

    /// <summary>The marker that belongs to this generation.</summary>
    public byte[] NewMarker() => Marker.Write(keys.Marker, safe, Generation);

    public void Dispose() => keys.Dispose();
}

/// <summary>A change that is durable. When the volume is mounted, <paramref name="Marker"/> is to be written to it, then <see cref="Vault.MarkerWritten"/> called.</summary>
public sealed record HeaderChange(ulong Generation, byte[] Head, byte[] Marker);
