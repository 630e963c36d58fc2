using System.Globalization;
using System.Security.Cryptography;
using Safes.Contracts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

/// <summary>Whether a new host fits: the machine's memory, the volume's room, and what can be written back before the safe must be closed.</summary>
internal sealed class HostRoom(HostFleetOptions options)
{
    /// <summary>No memory and no disk is larger; what is read of any of them is held to it, so that no sum of theirs overflows.</summary>
    public const long Largest = 1L << 40;

    /// <summary>The most processors that QEMU's machine takes.</summary>
    public const int MostCpus = 255;

    private const long Sample = 48L << 20, Slack = 64L << 20, Smallest = 128L << 20;

    /// <summary>The part of the bound in which all dirty memory has to be on the disk; the rest is for everything else that closing does.</summary>
    private const double Share = 0.5;

    private double? rate = options.WriteBackRate;

    /// <exception cref="FaultException">HostMemory, HostDisk, BadRequest.</exception>
    /// <param name="others">Memory of the hosts there are.</param>
    public async Task CheckAsync(string name, int cpus, long memory, long disk, Bundle bundle, bool copied, long others)
    {
        CheckShape(name, new HostSizes(cpus, memory, disk), bundle.Manifest.DiskBytes, MemoryTotal() / 10 * 9 - others);
        bool usual = bundle.Manifest.MemoryBytes == memory && bundle.Manifest.Cpus == cpus;
        long image = copied ? 0 : Bundle.Files.Sum(f => Stat.Find(bundle.PathOf(f))?.AllocatedBytes ?? 0);
        // The overlay's own tables are a thousandth of it; a bundle of another size has a disk and a RAM file of its own.
        long needed = memory + disk + (disk / 512) + image + (usual ? 0 : memory + (Stat.Find(bundle.PathOf(Bundle.Disk))?.Length ?? 0)) + Slack;
        CheckFree(name, needed);
        await CheckBoundAsync(name, memory, others).ConfigureAwait(false);
    }

    /// <summary>The same of a host that there is. What it has already is not asked for again.</summary>
    /// <exception cref="FaultException">HostMemory, HostDisk, BadRequest.</exception>
    /// <param name="promised">What others were promised for their next boots.</param>
    public async Task CheckAsync(HostDefinition host, HostSizes wanted, long others, long promised)
    {
        long more = wanted.MemoryBytes - host.MemoryBytes;
        CheckShape(host.Name, wanted, host.DiskBytes, more <= 0 ? Largest : MemoryTotal() / 10 * 9 - others);
        if (More(host, wanted) is > 0 and var needed)
        {
            CheckFree(host.Name, needed + promised + Slack);
        }

        if (more > 0)
        {
            await CheckBoundAsync(host.Name, wanted.MemoryBytes, others).ConfigureAwait(false);
        }
    }

    /// <summary>Bytes of the volume that a host takes when it gets other sizes; a disk's own tables are a thousandth of it.</summary>
    public static long More(HostDefinition host, HostSizes wanted) =>
        Math.Max(0, wanted.MemoryBytes - host.MemoryBytes) + ((wanted.DiskBytes - host.DiskBytes) is > 0 and var disk ? disk + (disk / 512) : 0);

    /// <summary>Whether a host can have now what it was promised; room that was there then may have been taken.</summary>
    public static bool Has(HostFleetOptions options, HostDefinition host, HostSizes wanted) =>
        More(host, wanted) is var needed && (needed == 0 || needed + Slack <= Statfs.Of(options.Volume.Path).Available);

    private static void CheckShape(string name, HostSizes wanted, long leastDisk, long memoryThere)
    {
        if (wanted.Cpus < 1 || wanted.Cpus > Environment.ProcessorCount)
        {
            throw new FaultException(FaultCodes.BadRequest, ("host", name), ("what", $"{wanted.Cpus} CPUs; this server has {Environment.ProcessorCount}"));
        }

        if (wanted.MemoryBytes < Smallest || wanted.MemoryBytes > Largest || wanted.MemoryBytes % (1 << 20) != 0 || wanted.MemoryBytes > memoryThere)
        {
            throw new FaultException(
                FaultCodes.HostMemory, ("host", name), ("why", "memory"), ("wanted", Text(wanted.MemoryBytes)), ("least", Text(Smallest)),
                ("available", Text(Math.Max(0, memoryThere))));
        }

        if (wanted.DiskBytes < leastDisk || wanted.DiskBytes > Largest || wanted.DiskBytes % (1 << 20) != 0)
        {
            throw new FaultException(FaultCodes.HostDisk, ("host", name), ("why", "size"), ("wanted", Text(wanted.DiskBytes)), ("least", Text(leastDisk)));
        }
    }

    private void CheckFree(string name, long needed)
    {
        long free = Statfs.Of(options.Volume.Path).Available;
        if (needed > free)
        {
            throw new FaultException(FaultCodes.HostDisk, ("host", name), ("why", "room"), ("wanted", Text(needed)), ("available", Text(free)));
        }
    }

    private async Task CheckBoundAsync(string name, long memory, long others)
    {
        rate ??= await MeasureAsync().ConfigureAwait(false);
        long savable = (long)(rate.Value * options.Bound.TotalSeconds * Share);
        if (memory + others > savable)
        {
            throw new FaultException(
                FaultCodes.HostMemory, ("host", name), ("why", "bound"), ("wanted", Text(memory)), ("available", Text(Math.Max(0, savable - others))),
                ("rate", Text((long)rate.Value)), ("bound", Text((long)options.Bound.TotalSeconds)));
        }
    }

    /// <summary>Bytes a second, encrypting as fast as the volume takes them.</summary>
    private async Task<double> MeasureAsync()
    {
        const string File = "hosts/.rate";
        byte[] block = new byte[1 << 20];
        RandomNumberGenerator.Fill(block);
        try
        {
            await Background.Run(() =>
            {
                using var file = options.Volume.OpenFile(File, write: true, create: true);
                for (long at = 0; at < Sample; at += block.Length)
                {
                    RandomAccess.Write(file, block, at);
                }
            }).ConfigureAwait(false);
            var begin = BootClock.Now;
            await WriteBack.DurablyAsync(options.Volume.PathOf(File), 2).ConfigureAwait(false);
            return Sample / Math.Max(0.001, (BootClock.Now - begin).TotalSeconds);
        }
        finally
        {
            options.Volume.RemoveFile(File);
        }
    }

    /// <summary>Bytes of memory that this server has.</summary>
    public static long MemoryTotal() => long.Parse(
        File.ReadLines("/proc/meminfo").First(l => l.StartsWith("MemTotal:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) << 10;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
