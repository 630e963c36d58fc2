using System.Diagnostics;
using Safes.Linux;

namespace Safes.Qemu.Tests;

public sealed class ProcessorUseTests
{
    [Fact]
    public void It_is_the_time_worked_since_the_look_before_the_last_by_what_passed()
    {
        TimeSpan? worked = Seconds(100);
        var use = new ProcessorUse(() => worked);
        Assert.Equal(0, use.Average(Seconds(9)));     // never looked
        use.Look(Seconds(10));
        Assert.Equal(0, use.Average(Seconds(10.5)));  // too short to say anything
        worked = Seconds(130);
        Assert.Equal(1.5, use.Average(Seconds(30)));
        use.Look(Seconds(70));
        Assert.Equal(0.5, use.Average(Seconds(70)));
        worked = Seconds(160);
        use.Look(Seconds(130));
        Assert.Equal(0.5, use.Average(Seconds(130)));  // from 70 on
        Assert.Equal(0.25, use.Average(Seconds(190)));
        worked = null;
        Assert.Equal(0, use.Average(Seconds(200)));
    }

    [Fact]
    public async Task A_process_that_is_busy_is_told_from_one_that_sleeps_and_from_one_that_ended()
    {
        using var busy = Child.Start(new ChildStart("sh", ["-c", "while :; do :; done"]));
        using var idle = Child.Start(new ChildStart("sleep", ["1000"]));
        try
        {
            ProcessorUse ofBusy = new(() => ProcessTable.ProcessorTime(busy.Pid)), ofIdle = new(() => ProcessTable.ProcessorTime(idle.Pid));
            ofBusy.Look(BootClock.Now);
            ofIdle.Look(BootClock.Now);
            // Not how fast: until it has worked for a while at all, however many others want the processor.
            for (var begin = ProcessTable.ProcessorTime(busy.Pid)!.Value; ProcessTable.ProcessorTime(busy.Pid) - begin < Seconds(1.2);)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            Assert.InRange(ofBusy.Average(BootClock.Now), 0.001, 1.1);
            Assert.InRange(ofIdle.Average(BootClock.Now), 0, 0.001);
        }
        finally
        {
            busy.Kill();
            idle.Kill();
        }

        await busy.Exited;
        await idle.Exited;
        int gone = busy.Pid;
        busy.Dispose();
        Assert.Null(ProcessTable.ProcessorTime(gone));
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
