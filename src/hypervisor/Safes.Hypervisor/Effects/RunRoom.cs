using System.Globalization;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Hypervisor.Effects;

/// <summary>Room in the run directory, which lies in memory: an open safe has sockets, records of processes and deadlines there.</summary>
public static class RunRoom
{
    /// <summary>In bytes. What an opening writes there is a part of it; the rest is for what follows.</summary>
    public const long Least = 4L << 20;

    /// <summary>Before anything is opened: a full one would close the safe again in the middle, without a word why.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.RunFull"/> (path, free and needed in MiB).</exception>
    public static void Check(string run)
    {
        if (Statfs.Of(run).Available is var free && free < Least)
        {
            throw new FaultException(
                FaultCodes.RunFull, ("path", run), ("free", (free / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture)), ("needed", $"{Least >> 20}"));
        }
    }
}
