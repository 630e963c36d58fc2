using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Safes.Qemu.Tests;

/// <summary>The other end of a monitor's or agent's socket, played by the test.</summary>
internal sealed class Peer : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("safes-peer-").FullName;
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private NetworkStream? stream;
    private StreamReader? reader;

    public Peer()
    {
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        listener.Listen(1);
    }

    public string Path => System.IO.Path.Combine(directory, "s");

    public async Task AcceptAsync()
    {
        stream = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
        reader = new StreamReader(stream, Encoding.Latin1);
    }

    /// <summary>The next line that came, as bytes in characters.</summary>
    public async Task<string> HearAsync() => await reader!.ReadLineAsync() ?? throw new EndOfStreamException();

    public async Task<JsonNode> HearJsonAsync() => JsonNode.Parse((await HearAsync()).TrimStart('\u00ff'))!;

    public Task SayAsync(string text) => SayAsync(Encoding.Latin1.GetBytes(text));

    public async Task SayAsync(byte[] bytes) => await stream!.WriteAsync(bytes);

    public static TheoryData<string> Lies => ["nothing", "half", "garbage", "nested", "nested without an end", "10 MiB", "10 MiB of lines"];

    /// <summary>What hostile peers say instead of an answer.</summary>
    public async Task LieAsync(string lie)
    {
        const int Much = 10 << 20;
        await SayAsync(lie switch
        {
            "half" => "{\"return\": {\"pid\"",
            "garbage" => "\0\u0001\u00fe}{\u00ff]\n",
            "nested" => $"{{\"return\": {new string('[', 100_000)}{new string(']', 100_000)}}}\n",
            "nested without an end" => string.Concat(Enumerable.Repeat("{\"return\": ", 50_000)) + "\n",
            "10 MiB" => new string('{', Much),
            "10 MiB of lines" => string.Concat(Enumerable.Repeat("{}\n", Much / 3)),
            _ => "",
        });
    }

    public void HangUp() => stream!.Dispose();

    /// <summary>Greets and negotiates, as QEMU does.</summary>
    public async Task GreetAsync()
    {
        await AcceptAsync();
        await SayAsync("""{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}, "capabilities": ["oob"]}}""" + "\n");
        await AnswerAsync(await HearJsonAsync());
    }

    public Task AnswerAsync(JsonNode command, string result = "{}") => SayAsync($"{{\"return\": {result}, \"id\": {command["id"]}}}\n");

    /// <summary>Answers a synchronisation of the agent.</summary>
    public async Task SynchroniseAsync()
    {
        string line = await HearAsync();
        Assert.StartsWith("\u00ff", line, StringComparison.Ordinal);
        var command = JsonNode.Parse(line[1..])!;
        Assert.Equal("guest-sync-delimited", (string)command["execute"]!);
        await SayAsync($"\u00ff{{\"return\": {command["arguments"]!["id"]}}}\n");
    }

    public void Dispose()
    {
        stream?.Dispose();
        listener.Dispose();
        Directory.Delete(directory, recursive: true);
    }
}
