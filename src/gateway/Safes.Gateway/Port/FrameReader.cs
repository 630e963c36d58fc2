using System.Buffers.Binary;

namespace Safes.Gateway.Port;

/// <summary>Cuts a stream of bytes into frames. The bytes come from outside: a length beyond the limit gives up what was received.</summary>
internal sealed class FrameReader
{
    private byte[] buffer = new byte[4096];
    private int start, end;

    /// <summary>Where the next bytes are to be read to.</summary>
    public Memory<byte> Room
    {
        get
        {
            if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
            }

            if (end == buffer.Length)
            {
                // A frame that is announced to be longer than its buffer; its length was checked.
                Array.Resize(ref buffer, Math.Min(buffer.Length * 2, Frames.Limit + 4));
            }

            return buffer.AsMemory(end);
        }
    }

    public void Received(int count) => end += count;

    /// <summary>Forgets what was received: the other side begins anew.</summary>
    public void Reset() => (start, end) = (0, 0);

    /// <summary>The next complete frame's content; false when more bytes are needed.</summary>
    /// <exception cref="InvalidDataException">A length beyond the limit. Everything received is forgotten.</exception>
    public bool TryTake(out ReadOnlyMemory<byte> message)
    {
        message = default;
        if (end - start < 4)
        {
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(start));
        if (length > Frames.Limit)
        {
            Reset();
            throw new InvalidDataException($"a frame of {length} bytes");
        }

        if (end - start < 4 + (int)length)
        {
            return false;
        }

        message = buffer.AsMemory(start + 4, (int)length);
        start += 4 + (int)length;
        return true;
    }
}
