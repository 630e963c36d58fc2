namespace Safes.Contracts;

/// <summary>How a device says, before any encryption, that it means the inside of an open safe: this ALPN name beside "h2", which is what is spoken.</summary>
public static class InsideProtocol
{
    public static ReadOnlyMemory<byte> Name { get; } = "safes-inside/2"u8.ToArray();
}
