namespace Safes.Linux;

/// <summary>The number of a block device or file system (sys/sysmacros.h).</summary>
public readonly record struct DeviceNumber(uint Major, uint Minor)
{
    /// <summary>From the form that user space gets in 64 bits.</summary>
    public static DeviceNumber Decode(ulong device) =>
        new((uint)((device >> 8) & 0xfff), (uint)((device & 0xff) | ((device >> 12) & 0xfff00)));

    /// <summary>major:minor in decimal, as mountinfo and /sys/dev/block have it.</summary>
    public override string ToString() => $"{Major}:{Minor}";
}
