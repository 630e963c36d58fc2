using System.Buffers.Binary;
using Google.Protobuf;

namespace Safes.Gateway.Port;

/// <summary>Frames of a 4-byte big-endian length and one message, at most <see cref="Limit"/> bytes.</summary>
internal static class Frames
{
    public const int Limit = 1 << 20;

    public static byte[] Encode(IMessage message)
    {
        int length = message.CalculateSize();
        byte[] frame = new byte[4 + length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)length);
        message.WriteTo(frame.AsSpan(4));
        return frame;
    }
}
