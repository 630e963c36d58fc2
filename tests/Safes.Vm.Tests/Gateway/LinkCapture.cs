using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Vm.Tests.Gateway;

/// <summary>
/// Everything that passes a namespace's interfaces, byte for byte, to be searched for what must not be there. On the gateway's three
/// links this is all that a gateway sees from outside WireGuard.
/// </summary>
internal sealed class LinkCapture : IDisposable
{
    private const int Everything = 0x0300;      // ETH_P_ALL, in the network's order
    private readonly List<(string Link, Socket Socket, MemoryStream Bytes)> links = [];

    public static LinkCapture Begin(string pin, params string[] names) => Sched.InNetwork(pin, () =>
    {
        var capture = new LinkCapture();
        foreach (var link in NetworkInterface.GetAllNetworkInterfaces().Where(i => names.Contains(i.Name)))
        {
            var socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)Everything) { ReceiveBufferSize = 16 << 20 };
            socket.Bind(new LinkAddress(link.GetIPProperties().GetIPv4Properties().Index));
            var entry = (link.Name, socket, new MemoryStream());
            capture.links.Add(entry);
            _ = ReadAsync(entry.socket, entry.Item3);
        }

        return capture.links.Count == names.Length ? capture : throw new InvalidOperationException("a link is missing");
    });

    /// <summary>The gateway's links, by their names in the safe's namespace.</summary>
    public static LinkCapture OfGateway(string safe) => Begin(safe, "gw-uplink", "control", "gw-inside");

    public bool Contains(string link, ReadOnlySpan<byte> what) => Of(link).AsSpan().IndexOf(what) >= 0;

    /// <summary>The links on which the bytes were seen.</summary>
    public IReadOnlyList<string> Seen(byte[] what) => [.. links.Select(l => l.Link).Where(l => Contains(l, what))];

    public void Dispose() => links.ForEach(l => l.Socket.Dispose());

    private byte[] Of(string link)
    {
        var bytes = links.Single(l => l.Link == link).Bytes;
        lock (bytes)
        {
            return bytes.ToArray();
        }
    }

    private static async Task ReadAsync(Socket socket, MemoryStream into)
    {
        byte[] buffer = new byte[70000];
        try
        {
            while (true)
            {
                int n = await socket.ReceiveAsync(buffer);
                lock (into)
                {
                    into.Write(buffer, 0, n);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Its end, or the link's.
        }
    }

    private sealed class LinkAddress(int index) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, 20);
            address[2] = unchecked((byte)Everything);
            address[3] = Everything >> 8;
            BitConverter.TryWriteBytes(address.Buffer.Span[4..], index);
            return address;
        }
    }
}
