using Safes.Vm.Tests;

namespace Safes.Bench;

/// <summary>How long a member waits for the first word of a host that was suspended: what is read of its memory then is read from the volume.</summary>
internal static class FirstAnswer
{
    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var safe = await BenchSafe.MakeAsync(6L << 30, Parts.Memory);
        await safe.WorkAsync(128);
        await safe.LookAsync();
        List<TimeSpan> answered = [], raw = [];
        for (int i = 0; i <= runs; i++)
        {
            await safe.CloseAsync();
            var byHand = (await safe.RawCycleAsync(answered: true)).Open;
            var opened = await safe.OpenAsync(answered: true);
            if (i > 0)      // the first round warms compiler and caches
            {
                raw.Add(byHand);
                answered.Add(opened);
            }
        }

        return [Measurement.Against("first-answer", "from opening to the greeting of the resumed host's sshd", answered, "the same steps by hand, on the same volume and host", raw, 1.3)];
    }
}
