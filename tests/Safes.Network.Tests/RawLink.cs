using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using Safes.Linux;

namespace Safes.Network.Tests;

/// <summary>Raw Ethernet frames on one interface of a namespace.</summary>
internal sealed class RawLink : IDisposable
{
    private readonly Socket socket;
    private readonly byte[] mac;

    private RawLink(Socket socket, byte[] mac) => (this.socket, this.mac) = (socket, mac);

    public static RawLink Open(string pin, string link) => Sched.InNetwork(pin, () =>
    {
        const int everything = 0x0300;      // ETH_P_ALL, in the network's order
        var found = NetworkInterface.GetAllNetworkInterfaces().Single(i => i.Name == link);
        int index = found.GetIPProperties().GetIPv4Properties().Index;
        var socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)everything) { ReceiveBufferSize = 4 << 20 };
        socket.Bind(new LinkAddress(everything, index));
        return new RawLink(socket, found.GetPhysicalAddress().GetAddressBytes());
    });

    public void Send(byte[] frame) => socket.Send(frame);

    /// <summary>The texts that frames carried, in order, up to and with <paramref name="last"/>.</summary>
    public async Task<List<string>> HearUntilAsync(string last, TimeSpan limit)
    {
        using var time = new CancellationTokenSource(limit);
        var heard = new List<string>();
        byte[] buffer = new byte[2048];
        while (true)
        {
            int n;
            try
            {
                n = await socket.ReceiveAsync(buffer, time.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"heard only: {string.Join(", ", heard)}");
            }

            string text = Encoding.ASCII.GetString(buffer, 0, n);
            int at = text.IndexOf("safe:", StringComparison.Ordinal);
            // What leaves is heard too; among it complaints that quote what came.
            if (at >= 0 && !buffer.AsSpan(6, 6).SequenceEqual(mac))
            {
                heard.Add(text[(at + 5)..].Split(';')[0]);
                if (heard[^1] == last)
                {
                    return heard;
                }
            }
        }
    }

    /// <summary>The frames that a MAC sent, up to and with the first that is the <paramref name="last"/>.</summary>
    public async Task<List<byte[]>> FramesFromAsync(string from, Func<byte[], bool> last, TimeSpan limit)
    {
        using var time = new CancellationTokenSource(limit);
        byte[] sender = PhysicalAddress.Parse(from.Replace(':', '-').ToUpperInvariant()).GetAddressBytes(), buffer = new byte[2048];
        var frames = new List<byte[]>();
        while (true)
        {
            int n = await socket.ReceiveAsync(buffer, time.Token);
            if (buffer.AsSpan(6, 6).SequenceEqual(sender))
            {
                frames.Add(buffer[..n]);
                if (last(frames[^1]))
                {
                    return frames;
                }
            }
        }
    }

    public void Dispose() => socket.Dispose();

    private sealed class LinkAddress(int protocol, int index) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, 20);
            address[2] = (byte)protocol;
            address[3] = (byte)(protocol >> 8);
            BitConverter.TryWriteBytes(address.Buffer.Span[4..], index);
            return address;
        }
    }
}
