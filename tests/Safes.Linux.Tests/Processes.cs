namespace Safes.Linux.Tests;

public sealed class Processes
{
    [Fact]
    public void There_is_no_descriptor_of_a_process_that_is_not() => Assert.Null(PidFd.Open(4_194_303));

    [Fact]
    public async Task The_end_of_a_process_is_seen_also_by_who_is_not_its_parent()
    {
        using var child = Child.Start(new ChildStart("sleep", ["300"]));
        using var other = PidFd.Open(child.Pid)!;
        Assert.False(other.WaitForEnd(TimeSpan.FromMilliseconds(20)));
        var seen = Task.Run(() => other.WaitForEnd(TimeSpan.FromSeconds(20)));
        other.Kill();
        Assert.True(await seen);
        other.Signal(SignalNumbers.Terminate);      // long gone: nothing happens, and nobody else is hit
    }

    [Fact]
    public async Task A_signal_reaches_the_process_meant()
    {
        using var child = Child.Start(new ChildStart("sleep", ["300"]));
        child.Signal(SignalNumbers.Terminate);
        Assert.Equal(128 + SignalNumbers.Terminate, await child.WaitAsync(TimeSpan.FromSeconds(20)));
    }
}
