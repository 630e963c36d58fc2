using Safes.Linux;
using Safes.Qemu;
using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>What a member has of memory that is read ahead: from the beginning of an open to the end of a first command, with nothing in any cache.</summary>
internal static class Prefetch
{
    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var safe = await BenchSafe.MakeAsync(6L << 30, Parts.Memory);
        await safe.WorkAsync(128);
        var places = new HostPlaces(safe.Fleet.Volume.At($"hosts/{BenchSafe.Host}"), "", "", "");
        List<TimeSpan> with = [], without = [];
        for (int i = -1; i < 2 * runs; i++)
        {
            while (HotPages.Find(places, Parts.Memory) is null)
            {
                await Task.Delay(100);
            }

            bool ahead = i % 2 == 0;
            if (!ahead)
            {
                File.Delete(places.HotPages);
            }

            await safe.CloseAsync();
            await File.WriteAllTextAsync("/proc/sys/vm/drop_caches", "3");
            var start = BootClock.Now;
            await safe.OpenAsync();
            await safe.Fleet.RunAsync(BenchSafe.Host, "sudo -n true && python3 -c 'print(1)'");
            var took = BootClock.Now - start;
            if (i >= 0)      // the first round warms the compiler
            {
                (ahead ? with : without).Add(took);
            }
        }

        return [Measurement.Against("prefetch", "open to the end of a first command by SSH, memory of the last time read ahead", with, "the same with nothing remembered", without, 1.0)];
    }
}
