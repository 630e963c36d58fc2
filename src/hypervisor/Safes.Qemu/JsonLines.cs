using System.Net.Sockets;
using System.Runtime.InteropServices;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>Lines of JSON over a Unix socket, as QMP and the guest agent speak them. A line is bounded; who sends a longer one is cut off.</summary>
internal sealed class JsonLines : IDisposable
{
    /// <summary>In bytes.</summary>
    public const int LineLimit = 1 << 20;

    private readonly Socket socket;
    private byte[] buffer = new byte[16384];
    private int start, end;

    private JsonLines(Socket socket) => this.socket = socket;

    /// <summary>Connects at once: whoever is to answer may still be starting, the listening socket exists already.</summary>
    /// <exception cref="SocketException">Nobody listens.</exception>
    public static JsonLines Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return new JsonLines(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> line, CancellationToken stop)
    {
        while (!line.IsEmpty)
        {
            line = line[await socket.SendAsync(line, SocketFlags.None, stop).ConfigureAwait(false)..];
        }
    }

    public void Send(ReadOnlySpan<byte> line, SafeHandle descriptor) => Rights.Send(socket, line, descriptor);

    /// <summary>The next line without its end; null when the other side has gone.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken stop)
    {
        int searched = start;
        while (true)
        {
            int at = buffer.AsSpan(searched..end).IndexOf((byte)'\n');
            if (at >= 0)
            {
                var line = buffer.AsMemory(start..(searched + at));
                start = searched + at + 1;
                return line;
            }

            MakeRoom();
            searched = end;
            int n;
            try
            {
                n = await socket.ReceiveAsync(buffer.AsMemory(end..), SocketFlags.None, stop).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                return null;
            }

            if (n == 0)
            {
                return null;
            }

            end += n;
        }
    }

    public void Dispose() => socket.Dispose();

    private void MakeRoom()
    {
        if (start > 0)
        {
            // Lines handed out before are not used any more when the next one is asked for.
            buffer.AsSpan(start..end).CopyTo(buffer);
            end -= start;
            start = 0;
        }

        if (end == buffer.Length)
        {
            if (end >= LineLimit)
            {
                start = end = 0;    // who goes on listening starts in the middle of the line
                throw new InvalidDataException($"a line of over {LineLimit} bytes");
            }

            Array.Resize(ref buffer, buffer.Length * 2);
        }
    }
}
