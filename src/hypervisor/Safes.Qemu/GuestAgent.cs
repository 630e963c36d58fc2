using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// The guest agent. Everything it says is untrusted: bounded, parsed strictly, believed about its own host only. Before the first command
/// and after each one that ran out of time the channel is synchronised with a fresh number, since it may have been saved in mid-message.
/// </summary>
public sealed class GuestAgent : IDisposable
{
    private const byte Delimiter = 0xff;
    private const string Refused = "GuestAgent";

    private readonly JsonLines lines;
    private readonly SemaphoreSlim one = new(1);
    private bool inStep;

    private GuestAgent(JsonLines lines) => this.lines = lines;

    /// <summary>Connects to the agent's channel; whether there is an agent shows only when it answers.</summary>
    public static GuestAgent Connect(string socket) => new(JsonLines.Connect(socket));

    /// <summary>Waits until the agent answers.</summary>
    /// <exception cref="HungException">It does not.</exception>
    public Task SynchroniseAsync(TimeSpan limit) => OneAtATimeAsync("guest-sync-delimited", limit, async stop =>
    {
        await SynchroniseAsync(stop).ConfigureAwait(false);
        return 0;
    });

    /// <summary>Gives a command and its answer's `return`.</summary>
    /// <exception cref="QmpException">The agent refused, or QEMU has gone.</exception>
    /// <exception cref="HungException">No answer within the limit.</exception>
    public Task<JsonElement> CallAsync(string command, JsonObject? arguments, TimeSpan limit) => OneAtATimeAsync(command, limit, async stop =>
    {
        if (!inStep)
        {
            await SynchroniseAsync(stop).ConfigureAwait(false);
        }

        inStep = false;     // until the answer is there
        await SendAsync(command, arguments, delimited: false, stop).ConfigureAwait(false);
        using var answer = await ReadAsync(stop).ConfigureAwait(false);
        if (answer.RootElement.TryGetProperty("return", out var result))
        {
            inStep = true;
            return result.Clone();
        }

        var refusal = Refusal(command, answer.RootElement);
        inStep = refusal.Kind == Refused;
        throw refusal;
    });

    /// <summary>
    /// Runs a shell script in the guest, as root, and gives what came. What it leaves in the background must not keep its output.
    /// </summary>
    /// <exception cref="HungException">It did not end in time; it is left running.</exception>
    public async Task<AgentOutput> RunAsync(string script, TimeSpan limit)
    {
        var end = BootClock.Now + limit;
        TimeSpan Left() => end - BootClock.Now is var left && left > TimeSpan.Zero ? left : throw new HungException("guest agent", 0, "guest-exec", limit);
        var arguments = new JsonObject
        {
            ["path"] = "/bin/sh",
            ["arg"] = new JsonArray("-c", script),
            ["capture-output"] = true,
        };
        var started = await CallAsync("guest-exec", arguments, Left()).ConfigureAwait(false);
        long pid = Sense("guest-exec", () => Number(started, "pid"));
        // The agent does not tell when a program ends; it has to be asked.
        for (int pause = 5; ; pause = Math.Min(pause * 2, 50))
        {
            var status = await CallAsync("guest-exec-status", new JsonObject { ["pid"] = pid }, Left()).ConfigureAwait(false);
            if (Sense("guest-exec-status", () => Output(status)) is { } output)
            {
                return output;
            }

            await Task.Delay(pause).ConfigureAwait(false);
        }
    }

    /// <summary>Sets the guest's clock and reads it back.</summary>
    /// <returns>How far it is off, beyond what the asking itself took.</returns>
    public async Task<TimeSpan> SetClockAsync(TimeSpan limit)
    {
        try
        {
            await CallAsync("guest-set-time", new JsonObject { ["time"] = UnixNanoseconds() }, limit).ConfigureAwait(false);
        }
        catch (QmpException e) when (e.Kind != QmpException.Gone)
        {
            // Without hwclock in the image the clock is set all the same, but an error comes. What counts is read back.
        }

        return (await ReadClockAsync(limit).ConfigureAwait(false)).Off;
    }

    /// <summary>How far the guest's clock is off, beyond what the asking itself took, and whether it is ahead.</summary>
    public async Task<(TimeSpan Off, bool Ahead)> ReadClockAsync(TimeSpan limit)
    {
        long before = UnixNanoseconds();
        var answer = await CallAsync("guest-get-time", null, limit).ConfigureAwait(false);
        long after = UnixNanoseconds();
        long guest = answer.ValueKind is JsonValueKind.Number && answer.TryGetInt64(out long t) ? t : throw Nonsense("guest-get-time");
        long off = guest < before ? before - guest : guest > after ? guest - after : 0;
        return (off < 0 ? TimeSpan.MaxValue : TimeSpan.FromTicks(off / 100), guest > after);     // a hostile guest may overflow
    }

    /// <summary>Tells the guest to power off. There is no answer to this.</summary>
    public Task PowerOffAsync(TimeSpan limit) => OneAtATimeAsync("guest-shutdown", limit, async stop =>
    {
        if (!inStep)
        {
            await SynchroniseAsync(stop).ConfigureAwait(false);
        }

        inStep = false;
        await SendAsync("guest-shutdown", null, delimited: false, stop).ConfigureAwait(false);
        return 0;
    });

    public void Dispose()
    {
        lines.Dispose();
        one.Dispose();
    }

    private static long UnixNanoseconds() => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;

    /// <summary>Null while the program runs.</summary>
    private static AgentOutput? Output(JsonElement status)
    {
        if (status.ValueKind is not JsonValueKind.Object || !status.TryGetProperty("exited", out var exited) || exited.ValueKind is not JsonValueKind.True)
        {
            return null;
        }

        int exit = status.TryGetProperty("exitcode", out var code) && code.ValueKind is JsonValueKind.Number && code.TryGetInt32(out int c) ? c : -1;
        return new AgentOutput(exit, Text(status, "out-data"), Text(status, "err-data"));
    }

    /// <summary>Reads from an answer, whose names and texts need not be Unicode.</summary>
    private static T Sense<T>(string command, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException)
        {
            throw Nonsense(command);
        }
    }

    private static long Number(JsonElement from, string name) =>
        from.ValueKind is JsonValueKind.Object && from.TryGetProperty(name, out var value) &&
        value.ValueKind is JsonValueKind.Number && value.TryGetInt64(out long n) ? n : throw Nonsense(name);

    private static string Text(JsonElement from, string name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String && value.TryGetBytesFromBase64(out byte[]? bytes)
            ? Encoding.UTF8.GetString(bytes)
            : "";

    private static QmpException Nonsense(string command) => new(command, "Nonsense", "the guest agent's answer makes no sense");

    private static QmpException Refusal(string command, JsonElement answer) =>
        answer.TryGetProperty("error", out var e) && e.ValueKind is JsonValueKind.Object && e.TryGetProperty("desc", out var text) && text.ValueKind is JsonValueKind.String
            ? new QmpException(command, Refused, text.GetString()!)
            : Nonsense(command);

    private async Task<T> OneAtATimeAsync<T>(string step, TimeSpan limit, Func<CancellationToken, Task<T>> work)
    {
        using var time = new CancellationTokenSource(limit);
        try
        {
            await one.WaitAsync(time.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new HungException("guest agent", 0, step, limit);
        }

        try
        {
            return await work(time.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            inStep = false;
            throw new HungException("guest agent", 0, step, limit);
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or ObjectDisposedException or EndOfStreamException)
        {
            throw new QmpException(step, QmpException.Gone, "QEMU has gone");
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or InvalidOperationException)
        {
            // The last: text that is no Unicode, which JSON's reader only notices when it is looked at.
            inStep = false;
            throw Nonsense(step);
        }
        finally
        {
            one.Release();
        }
    }

    private async Task SynchroniseAsync(CancellationToken stop)
    {
        inStep = false;
        int number = RandomNumberGenerator.GetInt32(1, int.MaxValue);
        await SendAsync("guest-sync-delimited", new JsonObject { ["id"] = number }, delimited: true, stop).ConfigureAwait(false);
        while (true)
        {
            // Whatever was under way comes first: old answers, halves of them, however long.
            ReadOnlyMemory<byte> line = default;
            try
            {
                line = await lines.ReadAsync(stop).ConfigureAwait(false) ?? throw new EndOfStreamException();
            }
            catch (InvalidDataException)
            {
                stop.ThrowIfCancellationRequested();
            }

            int mark = line.Span.LastIndexOf(Delimiter);
            if (mark >= 0 && IsAnswer(line[(mark + 1)..], number))
            {
                inStep = true;
                return;
            }
        }
    }

    private static bool IsAnswer(ReadOnlyMemory<byte> line, int number)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind is JsonValueKind.Object && document.RootElement.TryGetProperty("return", out var id) &&
                id.ValueKind is JsonValueKind.Number && id.TryGetInt32(out int n) && n == number;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private ValueTask SendAsync(string command, JsonObject? arguments, bool delimited, CancellationToken stop)
    {
        var message = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            message["arguments"] = arguments;
        }

        byte[] text = Encoding.UTF8.GetBytes(message.ToJsonString());
        return lines.SendAsync(delimited ? (byte[])[Delimiter, .. text, (byte)'\n'] : [.. text, (byte)'\n'], stop);
    }

    private async Task<JsonDocument> ReadAsync(CancellationToken stop)
    {
        var line = await lines.ReadAsync(stop).ConfigureAwait(false) ?? throw new EndOfStreamException();
        var document = JsonDocument.Parse(line.ToArray());
        return document.RootElement.ValueKind is JsonValueKind.Object ? document : throw new InvalidDataException("not an object");
    }
}

/// <summary>What a program in the guest left. Untrusted.</summary>
public sealed record AgentOutput(int Exit, string Output, string Error);
