using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for a volume that a server cannot use. A member can only pass them on.</summary>
internal static class VolumeWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (VolumeMissing, f => Told(f, "the volume is not there")),
        (VolumeTruncated, f => Told(f, "the volume is shorter than it was made")),
        (VolumeForeign, f => Told(f, "what lies in the volume's place is not this safe's")),
        (VolumeReadOnly, f => Told(f, "the volume can only be read")),
        (VolumeShared, f => Told(f, "the volume lies on storage that others can write")),
        (VolumeInUse, f => Told(f, "something else uses the volume")),
        (HeaderDamaged, f => Told(f, "both copies of what opens it are damaged")),
        (PolicyWrong, f => Told(f, "the volume's directory is not encrypted as it was made")),
        (MarkerWrong, f => Told(f, "the volume is of another day than the server's record of it")),
        (NoRoom, f => Told(f, "there is no room left on the volume or beneath it")),
        (StorageUnreachable, f => Told(f, "its storage does not answer")),
        (StateReadOnly, f => Told(f, "the server cannot write its record of the safe")),
        (RunFull, f => Told(f, "the server's run directory is full")),
    ];

    private static Explanation Told(Facts f, string what) =>
        new($"{f.Safe} cannot be used: {what}{f.Tail("detail", "why", "path")}", "nothing was written to it", "tell the supplier these words");
}
