using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>Opening and closing by the daemon's parts against the raw cycle by hand, in turn on the same volume and host.</summary>
internal static class OpenAndClose
{
    private const string Raw = "the same steps by hand, on the same volume and host";

    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var safe = await BenchSafe.MakeAsync(6L << 30, Parts.Memory);
        await safe.WorkAsync(128);
        await safe.LookAsync();
        List<TimeSpan> open = [], close = [], rawOpen = [], rawClose = [];
        for (int i = 0; i <= runs; i++)
        {
            var closed = await safe.CloseAsync();
            var (ro, rc) = await safe.RawCycleAsync();
            var opened = await safe.OpenAsync();
            if (i > 0)      // the first round warms compiler and caches
            {
                close.Add(closed);
                rawOpen.Add(ro);
                rawClose.Add(rc);
                open.Add(opened);
            }
        }

        return
        [
            Measurement.Against("open-and-close open", "volume attached, unlocked and checked, one host of 512 MiB resumed, its clock right, its port let through", open, Raw, rawOpen, 1.15, 100),
            Measurement.Against("open-and-close close", "port cut, host suspended, everything durable, key absent, unmounted, loop device gone", close, Raw, rawClose, 1.15, 100),
        ];
    }
}
