using CsCheck;
using Safes.Contracts.V1;
using Safes.Gateway.Port;

namespace Safes.Gateway.Tests;

public class FrameReaderTests
{
    [Fact]
    public void Frames_come_out_as_they_went_in_however_the_bytes_are_cut() =>
        Gen.Select(Gen.Byte.Array[0, 5000].List[0, 8], Gen.Int[1, 3000].List[1, 20]).Sample((messages, cuts) =>
        {
            byte[] all = [.. messages.SelectMany(m => (byte[])[(byte)(m.Length >> 24), (byte)(m.Length >> 16), (byte)(m.Length >> 8), (byte)m.Length, .. m])];
            var reader = new FrameReader();
            var got = new List<byte[]>();
            for (int at = 0, turn = 0; at < all.Length; turn++)
            {
                var room = reader.Room.Span;
                int n = Math.Min(Math.Min(cuts[turn % cuts.Count], room.Length), all.Length - at);
                all.AsSpan(at, n).CopyTo(room);
                reader.Received(n);
                at += n;
                while (reader.TryTake(out var message))
                {
                    got.Add(message.ToArray());
                }
            }

            Assert.Equal(messages, got);
        });

    [Fact]
    public void A_length_beyond_the_limit_is_refused_and_the_next_frame_is_read()
    {
        var reader = new FrameReader();
        Feed(reader, [0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        Assert.Throws<InvalidDataException>(() => reader.TryTake(out _));
        Feed(reader, [0, 0, 0, 1, 7]);
        Assert.True(reader.TryTake(out var message));
        Assert.Equal([7], message.ToArray());
    }

    [Fact]
    public void The_largest_frame_fits_and_no_larger_one_does()
    {
        var reader = new FrameReader();
        Feed(reader, [0, 0x10, 0, 0]);
        byte[] body = new byte[Frames.Limit];
        for (int at = 0; at < body.Length;)
        {
            Assert.False(reader.TryTake(out _));
            int n = Math.Min(reader.Room.Length, body.Length - at);
            Assert.True(n > 0);
            reader.Received(n);
            at += n;
        }

        Assert.True(reader.TryTake(out var message));
        Assert.Equal(Frames.Limit, message.Length);
        Feed(reader, [0, 0x10, 0, 1]);
        Assert.Throws<InvalidDataException>(() => reader.TryTake(out _));
    }

    [Fact]
    public void A_message_is_framed_by_its_length()
    {
        byte[] frame = Frames.Encode(new FromGateway { Id = 5, Ready = new GatewayReady { Version = "1" } });
        Assert.Equal([0, 0, 0, 7, 8, 5, 18, 3, 10, 1, (byte)'1'], frame);
    }

    private static void Feed(FrameReader reader, byte[] bytes)
    {
        bytes.CopyTo(reader.Room.Span);
        reader.Received(bytes.Length);
    }
}
