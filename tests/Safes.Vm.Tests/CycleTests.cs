using System.Globalization;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>Closing and opening with a real guest at work on a real encrypted volume.</summary>
[Trait("needs", "guest")]
public sealed class CycleTests
{
    private const int Cycles = 20;

    /// <summary>Counts on the share; appends records to its own disk and acknowledges on the share what was synced.</summary>
    private const string Work = """
        import os, time
        count = os.open('/safe/count', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        synced = os.open('/safe/synced', os.O_WRONLY | os.O_CREAT)
        own = os.open('/var/work', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        n = 0
        while True:
            n += 1
            os.write(count, b'%d\n' % n)
            os.write(own, b'%-1023d\n' % n); os.fsync(own); os.pwrite(synced, b'%-9d\n' % n, 0)
            time.sleep(0.05)
        """;

    private const string Reseeds = "dmesg | grep -c 'crng reseeded due to virtual machine fork'";

    private readonly List<(string What, TimeSpan Took)> times = [];

    [Fact]
    public async Task A_host_survives_twenty_suspends_under_work_and_the_last_is_like_the_first()
    {
        await using var volume = await OpenVolume.MakeAsync(6L << 30);
        var guest = await Guest.CloneAsync(volume, "desk", 10);
        uint user = guest.Start.Hardware.User;
        try
        {
            await guest.RunAsync($"cat >/root/work.py <<'X'\n{Work}\nX\nsetsid python3 /root/work.py >/dev/null 2>&1 </dev/null &");
            await CountedAsync(volume, 3);
            Census? firstShut = null, firstOpen = null;
            string[]? files = null;
            for (int cycle = 1; cycle <= Cycles; cycle++)
            {
                await TimedAsync("write-back before", guest.Machine.WriteBackAsync);
                var close = BootClock.Now;
                await TimedAsync("suspend", guest.SuspendAsync);
                await TimedAsync("lock", volume.LockAsync);
                times.Add(("CLOSE", BootClock.Now - close));

                var shut = Census.Take(volume.Place, user);
                firstShut ??= shut;
                files ??= Census.OpenFiles();
                Assert.Equal(0, shut.Processes);
                Assert.Equal(0, shut.Loops);
                Assert.True(shut.Descriptors <= firstShut.Descriptors + 2, $"cycle {cycle}: {firstShut} became {shut}:\n{string.Join('\n', Census.OpenFiles())}\nbefore:\n{string.Join('\n', files)}");

                var open = BootClock.Now;
                await TimedAsync("unlock", volume.ReopenAsync);
                int before = Count(volume);
                await TimedAsync("resume to clock", () => guest.GoOnAsync());
                times.Add(("OPEN", BootClock.Now - open));
                Assert.False(File.Exists(guest.Places.StateRecord) && StateRecord.Find(guest.Places) is not null, "a used image has a record");

                await CountedAsync(volume, before + 2);
                int acknowledged = int.Parse((await File.ReadAllTextAsync(volume.At("share/synced"), TestContext.Current.CancellationToken)).Trim(), CultureInfo.InvariantCulture);
                // Read from the disk, not from what the guest remembers; all of it every fifth time, because that takes a while.
                string look = cycle % 5 == 0
                    ? """awk '$1 != NR {print "gap", NR; exit} END {print NR}' /var/work"""
                    : "tail -c 1024 /var/work | tr -d ' '";
                string[] seen = (await guest.RunAsync($"echo 3 >/proc/sys/vm/drop_caches; {look}; {Reseeds}")).Split('\n');
                Assert.True(int.Parse(seen[0], CultureInfo.InvariantCulture) >= acknowledged, $"synced {acknowledged}, on disk {seen[0]}");
                Assert.Equal($"{cycle + 1}", seen[1]);

                var opened = Census.Take(volume.Place, user);
                firstOpen ??= opened;
                Assert.Equal(firstOpen with { Descriptors = 0 }, opened with { Descriptors = 0 });
            }

            Report();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            await Failure.KeepAsync(guest);
            throw;
        }
        finally
        {
            await guest.EndAsync();
        }
    }

    /// <summary>The counter on the share, in which every number stands once.</summary>
    private static int Count(OpenVolume volume)
    {
        string text = File.Exists(volume.At("share/count")) ? File.ReadAllText(volume.At("share/count")) : "";
        string[] lines = text.Split('\n')[..^1];
        for (int n = 0; n < lines.Length; n++)
        {
            Assert.Equal($"{n + 1}", lines[n]);
        }

        return lines.Length;
    }

    private static async Task CountedAsync(OpenVolume volume, int least)
    {
        var end = BootClock.Now + TimeSpan.FromSeconds(30);
        while (Count(volume) < least)
        {
            Assert.True(BootClock.Now < end, "the guest counts no further");
            await Task.Delay(20);
        }
    }

    private async Task TimedAsync(string what, Func<Task> work)
    {
        var begin = BootClock.Now;
        await work();
        times.Add((what, BootClock.Now - begin));
    }

    private void Report()
    {
        foreach (var group in times.GroupBy(t => t.What))
        {
            double[] all = [.. group.Select(t => t.Took.TotalMilliseconds).Order()];
            TestContext.Current.TestOutputHelper?.WriteLine($"{group.Key,-20} median {all[all.Length / 2],6:0} ms   max {all[^1],6:0} ms");
        }
    }
}
