using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>Opening must not depend on how much memory a host has.</summary>
internal static class ResumeBySize
{
    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var small = await BenchSafe.MakeAsync(6L << 30, Parts.Memory);
        await using var large = await BenchSafe.MakeAsync(10L << 30, 2L << 30);
        await small.WorkAsync(128);
        await large.WorkAsync(1024);
        List<TimeSpan> smalls = [], larges = [];
        for (int i = 0; i <= runs; i++)
        {
            await small.CloseAsync();
            var s = await small.OpenAsync();
            await large.CloseAsync();
            var l = await large.OpenAsync();
            if (i > 0)
            {
                smalls.Add(s);
                larges.Add(l);
            }
        }

        return [Measurement.Against("resume-by-size", "open with one host of 2 GiB, 1 GiB of it rewritten", larges, "the same with 512 MiB, 128 MiB of it rewritten", smalls, 1.3)];
    }
}
