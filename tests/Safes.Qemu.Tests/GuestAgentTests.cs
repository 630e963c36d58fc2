using CsCheck;

namespace Safes.Qemu.Tests;

/// <summary>The guest is hostile or was saved in the middle of a word: its agent can waste its own host's time and nothing else.</summary>
public sealed class GuestAgentTests : IDisposable
{
    private static readonly TimeSpan Ample = TimeSpan.FromSeconds(20), Short = TimeSpan.FromMilliseconds(200);

    private readonly Peer guest = new();
    private readonly GuestAgent agent;

    public GuestAgentTests() => agent = GuestAgent.Connect(guest.Path);

    public void Dispose()
    {
        agent.Dispose();
        guest.Dispose();
    }

    [Fact]
    public async Task What_was_under_way_when_the_guest_was_saved_is_skipped()
    {
        var asked = agent.CallAsync("guest-get-time", null, Ample);
        await guest.AcceptAsync();
        await guest.SayAsync("turn\": 17}\n{\"return\": {\"pid\": 4}}\n\u00ff{\"return\": 1}\nhalf of ");
        await guest.SynchroniseAsync();
        Assert.Equal("guest-get-time", (string)(await guest.HearJsonAsync())["execute"]!);
        await guest.SayAsync("{\"return\": 42}\n");
        Assert.Equal(42, (await asked).GetInt64());
    }

    [Fact]
    public async Task A_silent_agent_is_a_named_hang_and_its_late_answer_is_not_taken_for_the_next()
    {
        var first = agent.CallAsync("guest-get-time", null, Short);
        await guest.AcceptAsync();
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        var hung = await Assert.ThrowsAsync<HungException>(() => first);
        Assert.Equal(("guest agent", "guest-get-time"), (hung.Program, hung.Step));

        var second = agent.CallAsync("guest-get-host-name", null, Ample);
        await guest.SayAsync("{\"return\": 1}\n");      // of the first
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        await guest.SayAsync("{\"return\": \"right\"}\n");
        Assert.Equal("right", (await second).GetString());
    }

    [Fact]
    public async Task An_endless_line_is_cut_off()
    {
        var asked = agent.CallAsync("guest-info", null, Ample);
        await guest.AcceptAsync();
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        byte[] much = new byte[64 << 10];
        Array.Fill(much, (byte)'x');
        var saying = Task.Run(async () =>
        {
            for (int i = 0; i < 64; i++)
            {
                await guest.SayAsync(much);
            }
        }, TestContext.Current.CancellationToken);
        Assert.Equal("Nonsense", (await Assert.ThrowsAsync<QmpException>(() => asked)).Kind);
        agent.Dispose();
        await Assert.ThrowsAnyAsync<IOException>(() => saying);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"return\": {}}")]
    [InlineData("{\"return\": {\"pid\": \"x\"}}")]
    [InlineData("{\"error\": 3}")]
    [InlineData("{\"error\": {\"desc\": []}}")]
    [InlineData("nothing")]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("{\"return\": {\"\\ud800xx\": 1}}")]
    [InlineData("{\"error\": {\"desc\": \"\\ud800\"}}")]
    [InlineData("{\"error\": {\"desc\": \"\u00ff\"}}")]
    public async Task Nonsense_is_refused_as_such(string answer)
    {
        var asked = agent.RunAsync("true", Ample);
        await guest.AcceptAsync();
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        await guest.SayAsync(answer + "\n");
        Assert.Equal("Nonsense", (await Assert.ThrowsAsync<QmpException>(() => asked)).Kind);
    }

    [Theory]
    [MemberData(nameof(Peer.Lies), MemberType = typeof(Peer))]
    public async Task Whatever_it_answers_is_named_in_time_and_an_agent_that_comes_to_its_senses_is_heard_again(string lie)
    {
        var asked = agent.RunAsync("true", Short * 10);
        await guest.AcceptAsync();
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        var lying = guest.LieAsync(lie);
        var refused = await Assert.ThrowsAnyAsync<IOException>(() => asked.WaitAsync(Ample, TestContext.Current.CancellationToken));
        Assert.True(refused is HungException { Program: "guest agent" } or QmpException { Kind: "Nonsense" }, refused.ToString());
        Assert.True(!lie.StartsWith("10 MiB", StringComparison.Ordinal) || !lying.IsCompleted, "all of it was taken in");

        var again = agent.CallAsync("guest-ping", null, Ample);
        await lying.WaitAsync(Ample, TestContext.Current.CancellationToken);
        await guest.SayAsync("\n");
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        await guest.SayAsync("{\"return\": 42}\n");
        Assert.Equal(42, (await again).GetInt64());
    }

    [Fact]
    public async Task A_script_runs_and_gives_its_output()
    {
        var asked = agent.RunAsync("echo hi", Ample);
        await guest.AcceptAsync();
        await guest.SynchroniseAsync();
        var exec = await guest.HearJsonAsync();
        Assert.Equal(["-c", "echo hi"], exec["arguments"]!["arg"]!.AsArray().Select(a => (string)a!));
        await guest.SayAsync("{\"return\": {\"pid\": 9}}\n");
        await guest.HearAsync();
        await guest.SayAsync("{\"return\": {\"exited\": false}}\n");
        await guest.HearAsync();
        await guest.SayAsync("{\"return\": {\"exited\": true, \"exitcode\": 3, \"out-data\": \"aGkK\"}}\n");
        Assert.Equal(new AgentOutput(3, "hi\n", ""), await asked);
    }

    [Theory]
    [InlineData(0, 0, 0.2)]
    [InlineData(-7200, 7199, 7201)]
    [InlineData(30, 29, 31)]
    public async Task The_clock_is_read_back_and_the_asking_itself_is_not_counted(double offset, double least, double most)
    {
        var asked = agent.SetClockAsync(Ample);
        await guest.AcceptAsync();
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        await guest.SayAsync("{\"error\": {\"class\": \"GenericError\", \"desc\": \"hwclock failed\"}}\n");     // set all the same
        await guest.HearAsync();
        long now = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        await guest.SayAsync($"{{\"return\": {now + (long)(offset * 1e9)}}}\n");
        Assert.InRange((await asked).TotalSeconds, least, most);
    }

    [Theory]
    [InlineData("9223372036854775807")]
    [InlineData("-9223372036854775808")]
    public async Task A_clock_beyond_all_numbers_is_not_right(string time)
    {
        var asked = agent.SetClockAsync(Ample);
        await guest.AcceptAsync();
        await guest.SynchroniseAsync();
        await guest.HearAsync();
        await guest.SayAsync("{\"return\": {}}\n");
        await guest.HearAsync();
        await guest.SayAsync($"{{\"return\": {time}}}\n");
        Assert.True(await asked > TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task QEMU_gone_is_said_at_once()
    {
        var asked = agent.CallAsync("guest-ping", null, Ample);
        await guest.AcceptAsync();
        guest.HangUp();
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(() => asked)).Kind);
    }

    [Fact]
    public void Whatever_bytes_come_only_the_two_known_failures_follow() => Gen.Byte.Array[0, 300].Sample(
        bytes =>
        {
            using var other = new Peer();
            using var talker = GuestAgent.Connect(other.Path);
            var asked = talker.RunAsync("true", Short);
            other.AcceptAsync().GetAwaiter().GetResult();
            other.SynchroniseAsync().GetAwaiter().GetResult();
            other.HearAsync().GetAwaiter().GetResult();
            other.SayAsync([.. bytes, (byte)'\n']).GetAwaiter().GetResult();
            other.HangUp();
            try
            {
                asked.GetAwaiter().GetResult();
            }
            catch (Exception e) when (e is QmpException or HungException)
            {
                return true;
            }

            return false;
        },
        iter: 200, threads: 1);
}
