using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// A connection to QEMU's monitor (QMP). Answers are matched by id, so that a late one is never taken for another; each command has its
/// deadline. QEMU serves a guest that may be hostile: what it says is bounded.
/// </summary>
public sealed class Qmp : IAsyncDisposable
{
    private const int TranscriptLines = 200;

    private readonly JsonLines lines;
    private readonly int pid;
    private readonly ConcurrentDictionary<long, (string Command, TaskCompletionSource<JsonElement> Answer)> waiting = new();
    private readonly List<(Func<string, JsonElement, bool> Wanted, TaskCompletionSource<JsonElement> Came)> listeners = [];
    private readonly ConcurrentQueue<string> transcript = new();
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource greeting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task reading;
    private long lastId;

    private Qmp(JsonLines lines, int pid)
    {
        this.lines = lines;
        this.pid = pid;
        reading = ReadAsync();
    }

    /// <summary>Completes when nothing more comes from QEMU: it has gone, or does not speak QMP.</summary>
    public Task Broken => reading;

    /// <summary>The last lines in both directions, for whoever looks into a failure.</summary>
    public IReadOnlyCollection<string> Transcript => transcript;

    /// <summary>Connects and negotiates.</summary>
    /// <param name="pid">QEMU's process, to name it when it does not answer.</param>
    /// <exception cref="QmpException">QEMU has gone.</exception>
    /// <exception cref="HungException">No answer within the limit.</exception>
    public static async Task<Qmp> ConnectAsync(string socket, int pid, TimeSpan limit)
    {
        var qmp = new Qmp(JsonLines.Connect(socket), pid);
        try
        {
            await qmp.WithinAsync(qmp.greeting.Task, "greeting", limit).ConfigureAwait(false);
            await qmp.CallAsync("qmp_capabilities", limit: limit).ConfigureAwait(false);
            return qmp;
        }
        catch
        {
            await qmp.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Gives a command and its answer's `return`.</summary>
    /// <param name="descriptor">Goes along with the command (getfd).</param>
    /// <exception cref="QmpException">QEMU refused, or has gone.</exception>
    /// <exception cref="HungException">No answer within the limit (10 s unless given).</exception>
    public async Task<JsonElement> CallAsync(string command, JsonObject? arguments = null, TimeSpan? limit = null, SafeHandle? descriptor = null)
    {
        long id = Interlocked.Increment(ref lastId);
        var answer = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        waiting[id] = (command, answer);
        try
        {
            var message = new JsonObject { ["execute"] = command, ["id"] = id };
            if (arguments is not null)
            {
                message["arguments"] = arguments;
            }

            string text = message.ToJsonString();
            Note("> ", text);
            byte[] line = Encoding.UTF8.GetBytes(text + "\n");
            if (descriptor is null)
            {
                await lines.SendAsync(line, stop.Token).ConfigureAwait(false);
            }
            else
            {
                lines.Send(line, descriptor);
            }

            return await WithinAsync(answer.Task, command, limit ?? TimeSpan.FromSeconds(10)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or OperationCanceledException or ObjectDisposedException or LinuxException)
        {
            throw new QmpException(command, QmpException.Gone, "QEMU has gone");
        }
        finally
        {
            waiting.TryRemove(id, out _);
        }
    }

    /// <summary>
    /// The data of the next event that is wanted. To be called before the command that causes it; the task fails when QEMU goes.
    /// </summary>
    public Task<JsonElement> NextEvent(Func<string, JsonElement, bool> wanted)
    {
        var came = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (listeners)
        {
            if (reading.IsCompleted)
            {
                came.SetException(new QmpException("event", QmpException.Gone, "QEMU has gone"));
            }
            else
            {
                listeners.Add((wanted, came));
            }
        }

        return came.Task;
    }

    /// <summary>Waits for something of this QEMU, and names it when the limit passes.</summary>
    internal async Task<T> WithinAsync<T>(Task<T> task, string step, TimeSpan limit)
    {
        await WithinAsync((Task)task, step, limit).ConfigureAwait(false);
        return await task.ConfigureAwait(false);
    }

    /// <inheritdoc cref="WithinAsync{T}"/>
    internal async Task WithinAsync(Task task, string step, TimeSpan limit)
    {
        try
        {
            await task.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new HungException("QEMU", pid, step, limit);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        lines.Dispose();
        await reading.ConfigureAwait(false);
        stop.Dispose();
    }

    private async Task ReadAsync()
    {
        await Task.Yield();
        string reason = "QEMU has gone";
        try
        {
            while (await lines.ReadAsync(stop.Token).ConfigureAwait(false) is { } line)
            {
                Take(line);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            reason = "the connection was closed";
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or InvalidOperationException or KeyNotFoundException)
        {
            reason = $"QEMU does not speak QMP: {e.Message}";
        }

        lines.Dispose();    // before those who wait are told: whoever comes later fails as it sends
        greeting.TrySetException(new QmpException("greeting", QmpException.Gone, reason));
        _ = greeting.Task.Exception;
        foreach (var (command, answer) in waiting.Values)
        {
            answer.TrySetException(new QmpException(command, QmpException.Gone, reason));
        }

        lock (listeners)
        {
            foreach (var (_, came) in listeners)
            {
                came.TrySetException(new QmpException("event", QmpException.Gone, reason));
                _ = came.Task.Exception;
            }

            listeners.Clear();
        }
    }

    private void Take(ReadOnlyMemory<byte> line)
    {
        Note("< ", Encoding.UTF8.GetString(line.Span[..Math.Min(line.Length, 2000)]));
        using var document = JsonDocument.Parse(line);
        var message = document.RootElement;
        if (message.TryGetProperty("QMP", out _))
        {
            greeting.TrySetResult();
        }
        else if (message.TryGetProperty("event", out var name))
        {
            string happened = name.GetString()!;
            var data = message.TryGetProperty("data", out var d) ? d.Clone() : default;
            lock (listeners)
            {
                foreach (var (_, came) in listeners.Where(l => l.Wanted(happened, data)).ToArray())
                {
                    came.TrySetResult(data);
                    listeners.RemoveAll(l => l.Came == came);
                }
            }
        }
        else if (message.TryGetProperty("id", out var id) && id.ValueKind is JsonValueKind.Number && id.TryGetInt64(out long number) && waiting.TryGetValue(number, out var call))
        {
            if (message.TryGetProperty("return", out var result))
            {
                call.Answer.TrySetResult(result.Clone());
            }
            else
            {
                var error = message.GetProperty("error");
                call.Answer.TrySetException(
                    new QmpException(call.Command, error.GetProperty("class").GetString()!, error.GetProperty("desc").GetString()!));
            }
        }
    }

    private void Note(string direction, string text)
    {
        transcript.Enqueue(direction + text);
        while (transcript.Count > TranscriptLines)
        {
            transcript.TryDequeue(out _);
        }
    }
}
