using System.Text.Json.Nodes;

namespace Safes.Qemu.Tests;

/// <summary>QEMU serves a guest that may have taken it over: what its monitor says is bounded, matched, and waited for with a limit.</summary>
public sealed class QmpTests : IDisposable
{
    private static readonly TimeSpan Ample = TimeSpan.FromSeconds(20), Short = TimeSpan.FromMilliseconds(200);

    private readonly Peer qemu = new();

    public void Dispose() => qemu.Dispose();

    [Fact]
    public async Task Answers_are_matched_by_id_whatever_their_order()
    {
        await using var qmp = await ConnectAsync();
        var one = qmp.CallAsync("one");
        var two = qmp.CallAsync("two", new JsonObject { ["x"] = 1 });
        var first = await qemu.HearJsonAsync();
        var second = await qemu.HearJsonAsync();
        await qemu.AnswerAsync(second, "\"two\"");
        await qemu.AnswerAsync(first, "\"one\"");
        Assert.Equal(("one", "two"), ((await one).GetString(), (await two).GetString()));
    }

    [Fact]
    public async Task A_late_answer_is_nobodys()
    {
        await using var qmp = await ConnectAsync();
        var hung = await Assert.ThrowsAsync<HungException>(() => qmp.CallAsync("stop", limit: Short));
        Assert.Equal(("QEMU", 4711, "stop"), (hung.Program, hung.Pid, hung.Step));
        var late = await qemu.HearJsonAsync();
        var asked = qmp.CallAsync("query-status");
        await qemu.AnswerAsync(late, "\"late\"");
        await qemu.AnswerAsync(await qemu.HearJsonAsync(), "\"right\"");
        Assert.Equal("right", (await asked).GetString());
    }

    [Fact]
    public async Task A_refusal_has_QEMUs_class_and_words()
    {
        await using var qmp = await ConnectAsync();
        var asked = qmp.CallAsync("cont");
        var command = await qemu.HearJsonAsync();
        await qemu.SayAsync($"{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"no such thing\"}}, \"id\": {command["id"]}}}\n");
        var refusal = await Assert.ThrowsAsync<QmpException>(() => asked);
        Assert.Equal(("cont", "GenericError", "no such thing"), (refusal.Command, refusal.Kind, refusal.Description));
    }

    [Fact]
    public async Task Only_the_event_that_is_wanted_is_given()
    {
        await using var qmp = await ConnectAsync();
        var wanted = qmp.NextEvent((name, data) => name == "MIGRATION" && data.GetProperty("status").GetString() == "completed");
        await qemu.SayAsync("{\"event\": \"STOP\"}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}}\n");
        await qemu.SayAsync("{\"event\": \"MIGRATION\", \"data\": {\"status\": \"completed\"}}\n");
        Assert.Equal("completed", (await wanted.WaitAsync(Ample, TestContext.Current.CancellationToken)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task QEMU_gone_fails_whoever_waits_and_whoever_comes_later()
    {
        await using var qmp = await ConnectAsync();
        var asked = qmp.CallAsync("quit");
        var awaited = qmp.NextEvent((_, _) => true);
        await qemu.HearAsync();
        qemu.HangUp();
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(() => asked)).Kind);
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(() => awaited)).Kind);
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(() => qmp.CallAsync("cont", limit: Ample))).Kind);
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(() => qmp.NextEvent((_, _) => true))).Kind);
    }

    [Theory]
    [InlineData("this is not JSON\n")]
    [InlineData("[1, 2]\n")]
    [InlineData("{\"event\": 7}\n")]
    public async Task What_is_no_QMP_ends_the_connection(string text)
    {
        await using var qmp = await ConnectAsync();
        var asked = qmp.CallAsync("cont");
        await qemu.SayAsync(text);
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(() => asked)).Kind);
    }

    [Theory]
    [MemberData(nameof(Peer.Lies), MemberType = typeof(Peer))]
    public async Task Whatever_it_says_instead_is_named_in_time_and_afterwards_nothing_is_waited_for(string lie)
    {
        await using var qmp = await ConnectAsync();
        var asked = qmp.CallAsync("stop", limit: Short * 10);
        await qemu.HearAsync();
        var lying = qemu.LieAsync(lie);
        var refused = await Assert.ThrowsAnyAsync<IOException>(() => asked.WaitAsync(Ample, TestContext.Current.CancellationToken));
        Assert.InRange(qmp.Transcript.Sum(l => l.Length), 0, 1 << 20);
        if (lie is "nothing" or "half" or "10 MiB of lines")    // each of those lines is nobody's answer
        {
            Assert.Equal("stop", Assert.IsType<HungException>(refused).Step);
            return;
        }

        Assert.Equal(QmpException.Gone, Assert.IsType<QmpException>(refused).Kind);
        await qmp.Broken.WaitAsync(Ample, TestContext.Current.CancellationToken);
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(
            () => qmp.CallAsync("cont", limit: Timeout.InfiniteTimeSpan).WaitAsync(Ample, TestContext.Current.CancellationToken))).Kind);
        await Assert.ThrowsAnyAsync<IOException>(() => qemu.SayAsync(new byte[1 << 20]));      // it is not even listened to
        await Task.WhenAny(lying);
    }

    [Fact]
    public async Task An_error_without_its_parts_fails_the_command_at_once()
    {
        await using var qmp = await ConnectAsync();
        var asked = qmp.CallAsync("stop", limit: Timeout.InfiniteTimeSpan);
        var command = await qemu.HearJsonAsync();
        await qemu.SayAsync($"{{\"id\": {command["id"]}}}\n");
        Assert.Equal(QmpException.Gone, (await Assert.ThrowsAsync<QmpException>(() => asked.WaitAsync(Ample, TestContext.Current.CancellationToken))).Kind);
    }

    [Fact]
    public async Task Whoever_never_greets_is_not_waited_for_for_ever()
    {
        var connecting = Qmp.ConnectAsync(qemu.Path, 4711, Short);
        await qemu.AcceptAsync();
        Assert.Equal("greeting", (await Assert.ThrowsAsync<HungException>(() => connecting)).Step);
    }

    private async Task<Qmp> ConnectAsync()
    {
        var connecting = Qmp.ConnectAsync(qemu.Path, 4711, Ample);
        await qemu.GreetAsync();
        return await connecting;
    }
}
