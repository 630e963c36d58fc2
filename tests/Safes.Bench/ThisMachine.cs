using Safes.Qemu;

namespace Safes.Bench;

internal static class ThisMachine
{
    public static async Task<Machine> DescribeAsync()
    {
        string processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
        string kib = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        string kernel = string.Join('.', (await File.ReadAllTextAsync("/proc/sys/kernel/osrelease")).Trim().Split('.', '-').Take(2));
        try
        {
            var tools = await Tools.LoadAsync();
            return new Machine(processor, Environment.ProcessorCount, Gib(kib), kernel, tools.QemuVersion, tools.Accelerator);
        }
        catch (IOException)
        {
            return new Machine(processor, Environment.ProcessorCount, Gib(kib), kernel, "none", "none");
        }
    }

    private static double Gib(string kib) => Math.Round(double.Parse(kib, System.Globalization.CultureInfo.InvariantCulture) / (1 << 20), 0);
}
