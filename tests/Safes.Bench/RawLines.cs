using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Bench;

/// <summary>Lines of JSON over a Unix socket, without deadlines or bounds: as one would talk to QEMU or its guest agent by hand.</summary>
internal sealed class RawLines : IDisposable
{
    private readonly Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Queue<JsonElement> events = [];
    private byte[] buffer = new byte[1 << 16];
    private int start, end;

    public RawLines(string path) => socket.Connect(new UnixDomainSocketEndPoint(path));

    public void Dispose() => socket.Dispose();

    public JsonElement Call(string command, string? arguments = null, SafeFileHandle? descriptor = null)
    {
        byte[] text = Encoding.UTF8.GetBytes(arguments is null ? $$"""{"execute":"{{command}}"}""" + "\n" : $$"""{"execute":"{{command}}","arguments":{{arguments}}}""" + "\n");
        if (descriptor is null)
        {
            socket.Send(text);
        }
        else
        {
            Rights.Send(socket, text, descriptor);
        }

        while (true)
        {
            var answer = Hear();
            if (answer.TryGetProperty("return", out var value))
            {
                return value;
            }

            if (answer.TryGetProperty("error", out var error))
            {
                // guest-set-time says so where the guest has no hwclock, and has set the clock all the same
                return command == "guest-set-time" ? error : throw new InvalidOperationException($"{command}: {error}");
            }

            events.Enqueue(answer);
        }
    }

    public void Send(string text) => socket.Send(Encoding.Latin1.GetBytes(text));

    public JsonElement Hear()
    {
        while (true)
        {
            int length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length >= 0)
            {
                var line = buffer.AsSpan(start, length);
                line = line[(line.LastIndexOf((byte)0xff) + 1)..];
                start += length + 1;
                if (line.Length > 1)
                {
                    return JsonElement.Parse(line);
                }

                continue;
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }

            int n = socket.Receive(buffer.AsSpan(end));
            end += n > 0 ? n : throw new EndOfStreamException("the other side has gone");
        }
    }

    public JsonElement NextEvent() => events.TryDequeue(out var happened) ? happened : Hear();
}
