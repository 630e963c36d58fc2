using Safes.Hypervisor.Vaults;

namespace Safes.Bench;

/// <summary>What an open costs in cryptography besides the password's hash, at both ends together.</summary>
internal static class Cryptography
{
    public static Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        OpenBenchmark.Run(5);     // once for the compiler
        var times = OpenBenchmark.Run(Math.Max(runs, 50));
        return Task.FromResult<IReadOnlyList<Measurement>>(
            [Measurement.Below("open-cryptography", "all cryptography of an open but Argon2id, both ends, ten devices in the header", times, 30)]);
    }
}
