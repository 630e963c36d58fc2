using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Hypervisor.Link;

/// <summary>A message that came, with the descriptors that came along: whoever takes it closes them.</summary>
public sealed record Delivery<T>(T Message, IReadOnlyList<SafeFileHandle> Descriptors) : IDisposable
{
    public void Dispose()
    {
        foreach (var descriptor in Descriptors)
        {
            descriptor.Dispose();
        }
    }
}

/// <summary>
/// One end of the socket pair between safed and its inside: numbered messages both ways, any number of questions under way at a time. What comes
/// is handed on in its order by one thread. When the other end has gone, every question that is open fails.
/// </summary>
public abstract class Wire<TSent, TReceived>(Socket socket, MessageParser<TReceived> parser) : IDisposable
    where TSent : class, IMessage<TSent>
    where TReceived : class, IMessage<TReceived>
{
    /// <summary>In bytes. The kernel takes no longer one of this kind either, unless it is told to.</summary>
    private const int Longest = 160 << 10;

    private readonly ConcurrentDictionary<ulong, TaskCompletionSource<Delivery<TReceived>>> open = new();
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock sending = new();
    private ulong last;

    /// <summary>Completes when the other end has gone.</summary>
    public Task Ended => ended.Task;

    /// <summary>Begins to listen.</summary>
    public void Begin(string name) => new Thread(Read, 256 * 1024) { IsBackground = true, Name = name }.UnsafeStart();

    /// <summary>Asks and waits for the answer.</summary>
    /// <exception cref="FaultException">What the other end refuses it with.</exception>
    /// <exception cref="IOException">The other end has gone, or could not do it.</exception>
    public async Task<Delivery<TReceived>> AskAsync(TSent question, CancellationToken stop, params IReadOnlyList<SafeHandle> descriptors)
    {
        var answer = new TaskCompletionSource<Delivery<TReceived>>(TaskCreationOptions.RunContinuationsAsynchronously);
        ulong number = Interlocked.Increment(ref last);
        open[number] = answer;
        try
        {
            Number(question, number);
            Send(question, descriptors);
            if (Ended.IsCompleted)
            {
                throw Gone();
            }

            var delivery = await answer.Task.WaitAsync(stop).ConfigureAwait(false);
            if (FailureIn(delivery.Message) is { } failure)
            {
                delivery.Dispose();
                throw failure;
            }

            return delivery;
        }
        finally
        {
            if (open.TryRemove(number, out _) && !answer.TrySetCanceled(CancellationToken.None) && answer.Task.IsCompletedSuccessfully && stop.IsCancellationRequested)
            {
                answer.Task.Result.Dispose();
            }
        }
    }

    /// <summary>Asks for something that is answered with nothing but that it was done.</summary>
    /// <inheritdoc cref="AskAsync"/>
    public async Task DoAsync(TSent question, CancellationToken stop = default)
    {
        using var answer = await AskAsync(question, stop).ConfigureAwait(false);
    }

    /// <summary>Says something that nobody answers; nothing happens when the other end has gone.</summary>
    public void Tell(TSent message, params IReadOnlyList<SafeHandle> descriptors)
    {
        try
        {
            Send(message, descriptors);
        }
        catch (IOException)
        {
            // Whoever has to know that it has gone waits for that.
        }
    }

    public virtual void Dispose()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);    // ends the thread that reads
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Gone already.
        }

        GC.SuppressFinalize(this);
    }

    protected abstract void Number(TSent message, ulong call);

    /// <summary>The number of the question that it answers; null: it is no answer.</summary>
    protected abstract ulong? Answers(TReceived message);

    /// <summary>What an answer says went wrong; null: it was done.</summary>
    protected abstract Exception? FailureIn(TReceived answer);

    /// <summary>A question or a word that came. Called by the one thread that reads: what takes time goes elsewhere.</summary>
    protected abstract void Handle(Delivery<TReceived> came);

    private static IOException Gone() => new("the other end has gone");

    private void Send(TSent message, IReadOnlyList<SafeHandle> descriptors)
    {
        byte[] bytes = message.ToByteArray();
        if (bytes.Length > Longest)
        {
            throw new InvalidOperationException($"a message of {bytes.Length} bytes");
        }

        lock (sending)
        {
            try
            {
                Rights.Send(socket, bytes, [.. descriptors]);
            }
            catch (Exception e) when (e is LinuxException or ObjectDisposedException)
            {
                throw Gone();
            }
        }
    }

    private void Read()
    {
        byte[] buffer = new byte[Longest];
        try
        {
            while (true)
            {
                List<SafeFileHandle> descriptors = [];
                int length = Rights.Receive(socket, buffer, descriptors);
                if (length == 0)
                {
                    break;
                }

                var came = new Delivery<TReceived>(parser.ParseFrom(buffer, 0, length), descriptors);
                buffer.AsSpan(0, length).Clear();
                if (Answers(came.Message) is not { } number)
                {
                    Handle(came);
                }
                else if (!open.TryGetValue(number, out var question) || !question.TrySetResult(came))
                {
                    came.Dispose();    // nobody waits for it any more
                }
            }
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException or InvalidProtocolBufferException)
        {
            // It has gone, or makes no sense any more: as good as gone.
        }

        ended.TrySetResult();
        socket.Dispose();
        foreach (var question in open.Values)
        {
            question.TrySetException(Gone());
        }
    }
}
