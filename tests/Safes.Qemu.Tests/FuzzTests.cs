using System.Text;
using Safes.Fuzzing;

namespace Safes.Qemu.Tests;

/// <summary>QEMU serves a guest that may be hostile, and the agent is the guest's own.</summary>
[Trait("fuzzes", "parsers")]
public class FuzzTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    [Fact]
    public void Damaged_QMP_fails_the_command_and_nothing_else() => Fuzz.Parser(
        Lines("{\"return\": {}, \"id\": 2}", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 2}", "{\"event\": \"STOP\", \"data\": {}, \"timestamp\": {\"seconds\": 1}}"),
        bytes => TalkAsync(bytes).GetAwaiter().GetResult(), most: 4 << 20);

    [Fact]
    public void A_damaged_answer_of_the_agent_fails_the_command_and_nothing_else() => Fuzz.Parser(
        Lines("{\"return\": {\"pid\": 9}}\n{\"return\": {\"exited\": true, \"exitcode\": 3, \"out-data\": \"aGkK\"}}", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}", "\u00ff{\"return\": 1}"),
        bytes => AskAsync(bytes).GetAwaiter().GetResult(), most: 4 << 20);

    private static byte[][] Lines(params string[] lines) => [.. lines.Select(l => Encoding.Latin1.GetBytes(l + "\n"))];

    private static async Task TalkAsync(byte[] bytes)
    {
        using var peer = new Peer();
        var connecting = Qmp.ConnectAsync(peer.Path, 4711, TimeSpan.FromSeconds(20));
        await peer.GreetAsync();
        await using var qmp = await connecting;
        var asked = qmp.CallAsync("query-status", limit: Short);
        await peer.HearAsync();
        await SayAndHangUpAsync(peer, bytes);
        try
        {
            await asked;
        }
        catch (Exception e) when (e is QmpException or HungException)
        {
        }
    }

    private static async Task AskAsync(byte[] bytes)
    {
        using var peer = new Peer();
        using var agent = GuestAgent.Connect(peer.Path);
        var asked = agent.RunAsync("true", Short);
        await peer.AcceptAsync();
        await peer.SynchroniseAsync();
        await peer.HearAsync();
        await SayAndHangUpAsync(peer, bytes);
        try
        {
            await asked;
        }
        catch (Exception e) when (e is QmpException or HungException)
        {
        }
    }

    private static async Task SayAndHangUpAsync(Peer peer, byte[] bytes)
    {
        try
        {
            await peer.SayAsync(bytes);
        }
        catch (IOException)
        {
            // It was cut off already.
        }

        peer.HangUp();
    }
}
