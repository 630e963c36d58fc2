namespace Safes.Linux.Tests;

public sealed class Tools
{
    [Fact]
    public async Task A_tool_s_output_error_and_exit_status_come_back()
    {
        var output = await Tool.TryAsync("sh", ["-c", "cat; echo to-error >&2; exit 3"], input: "to-output");
        Assert.Equal(new ToolOutput(3, "to-output", "to-error\n"), output);
    }

    [Fact]
    public async Task A_tool_that_fails_is_named_with_what_it_said()
    {
        var e = await Assert.ThrowsAsync<ToolException>(() => Tool.RunAsync("sh", ["-c", "echo no such thing >&2; exit 1"]));
        Assert.Contains("no such thing", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, e.Output!.Exit);
    }

    [Fact]
    public async Task A_tool_that_hangs_is_ended_with_all_that_it_started()
    {
        string path = Path.GetTempFileName();
        var start = BootClock.Now;
        await Assert.ThrowsAsync<ToolException>(() =>
            Tool.RunAsync("sh", ["-c", $"sleep 300 & echo $! > {path}; wait"], limit: TimeSpan.FromSeconds(1)));
        Assert.InRange((BootClock.Now - start).TotalSeconds, 0.5, 10);
        int grandchild = int.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
        using var pidfd = PidFd.Open(grandchild);
        Assert.True(pidfd is null || pidfd.WaitForEnd(TimeSpan.FromSeconds(10)));
        File.Delete(path);
    }

    /// <summary>dotnet/runtime#29232: WaitForExit of the framework waits for whoever holds the pipe.</summary>
    [Fact]
    public async Task A_grandchild_that_holds_the_pipe_does_not_hold_us()
    {
        string path = Path.GetTempFileName();
        var start = BootClock.Now;
        var output = await Tool.TryAsync("sh", ["-c", $"sleep 300 & echo $! > {path}; echo said; exit 0"]);
        Assert.InRange((BootClock.Now - start).TotalSeconds, 0, 5);
        Assert.Equal(0, output.Exit);
        PidFd.Open(int.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken)))?.Kill();
        File.Delete(path);
        Assert.Equal("said\n", output.Output);
    }

    [Fact]
    public async Task Output_without_end_is_bounded_and_the_tool_is_not_blocked()
    {
        var output = await Tool.TryAsync("head", ["-c", "5000000", "/dev/zero"]);
        Assert.Equal(0, output.Exit);
        Assert.Equal(Tool.OutputLimit, output.Output.Length);
    }

    [Fact]
    public async Task A_tool_that_reads_nothing_of_its_input_still_tells_its_status()
    {
        var output = await Tool.TryAsync("sh", ["-c", "exit 4"], input: new string('x', 1_000_000));
        Assert.Equal(4, output.Exit);
    }
}
