using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Google.Protobuf;
using Safes.Contracts.V1;

namespace Safes.Hypervisor.Gateway;

/// <summary>The line to the gateway: frames over the socket of its virtio-serial port. What comes from there is untrusted.</summary>
internal sealed class GatewayLine : IAsyncDisposable
{
    private const int FrameLimit = 1 << 20;

    private readonly Socket socket;
    private readonly SemaphoreSlim writing = new(1, 1);
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource<FromGateway>> waiting = [];
    private readonly TaskCompletionSource<GatewayReady> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task reading;
    private ulong last;

    private GatewayLine(Socket socket)
    {
        this.socket = socket;
        // Numbers of another line, of a safed before this one, are not ours.
        last = BitConverter.ToUInt64(Guid.NewGuid().ToByteArray()) >> 8;
        reading = ReadAsync();
    }

    /// <summary>Completes when the gateway says by itself that it is there: once, after its start.</summary>
    public Task<GatewayReady> Ready => ready.Task;

    /// <summary>Completes when the line is broken.</summary>
    public Task Broken => reading;

    public static async Task<GatewayLine> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path)).ConfigureAwait(false);
            return new GatewayLine(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a message and awaits its answer.</summary>
    /// <exception cref="GatewayException">Refused, or no answer within the limit.</exception>
    public async Task<FromGateway> AskAsync(ToGateway message, TimeSpan limit)
    {
        message.Id = Interlocked.Increment(ref last);
        var answer = new TaskCompletionSource<FromGateway>(TaskCreationOptions.RunContinuationsAsynchronously);
        waiting[message.Id] = answer;
        using var time = new CancellationTokenSource(limit);
        try
        {
            await SendAsync(message, time.Token).ConfigureAwait(false);
            var first = await Task.WhenAny(answer.Task, reading).WaitAsync(time.Token).ConfigureAwait(false);
            if (first != answer.Task)
            {
                throw new GatewayException(GatewayFailure.Silent, "the gateway has gone");
            }

            var said = await answer.Task.ConfigureAwait(false);
            return said.WhatCase is FromGateway.WhatOneofCase.Fault
                ? throw new GatewayException(GatewayFailure.Refused, $"the gateway says: {Printable(said.Fault.What)}")
                : said;
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            throw new GatewayException(GatewayFailure.Silent, $"the gateway gave no answer within {limit.TotalSeconds:0.#} s", e);
        }
        finally
        {
            waiting.TryRemove(message.Id, out _);
        }
    }

    /// <summary>Gives the line up: who waits on it learns that at once.</summary>
    public void Break() => socket.Dispose();

    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        await reading.ConfigureAwait(false);
        writing.Dispose();
    }

    private async Task SendAsync(ToGateway message, CancellationToken stop)
    {
        byte[] frame = new byte[4 + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        message.WriteTo(frame.AsSpan(4));
        await writing.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            for (var rest = frame.AsMemory(); !rest.IsEmpty;)
            {
                rest = rest[await socket.SendAsync(rest, stop).ConfigureAwait(false)..];
            }
        }
        finally
        {
            writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: false);
            byte[] head = new byte[4];
            while (true)
            {
                await stream.ReadExactlyAsync(head).ConfigureAwait(false);
                uint length = BinaryPrimitives.ReadUInt32BigEndian(head);
                if (length > FrameLimit)
                {
                    return;
                }

                byte[] body = new byte[length];
                await stream.ReadExactlyAsync(body).ConfigureAwait(false);
                var message = FromGateway.Parser.ParseFrom(body);
                if (waiting.TryGetValue(message.Id, out var answer))
                {
                    answer.TrySetResult(message);
                }
                else if (message.Id == 0 && message.WhatCase is FromGateway.WhatOneofCase.Ready)
                {
                    ready.TrySetResult(message.Ready);
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidProtocolBufferException)
        {
            // The line is broken: who waits sees this task complete.
        }
        finally
        {
            socket.Dispose();
        }
    }

    private static string Printable(string text) => string.Concat(text.Take(300).Select(c => char.IsControl(c) ? '?' : c));
}
