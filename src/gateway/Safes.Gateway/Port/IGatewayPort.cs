namespace Safes.Gateway.Port;

/// <summary>The line to safed.</summary>
internal interface IGatewayPort
{
    /// <summary>Waits for bytes; 0 when the other side has gone, and then some time has passed.</summary>
    int Read(Span<byte> into);

    void Write(ReadOnlySpan<byte> bytes);
}
