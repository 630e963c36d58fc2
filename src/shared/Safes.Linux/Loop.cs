using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>What lies behind a loop device: the file's device and inode.</summary>
public readonly record struct LoopBacking(DeviceNumber Device, ulong Inode);

/// <summary>linux/loop.h: block devices on files.</summary>
public static partial class Loop
{
    /// <summary>The block devices' major number.</summary>
    public const uint Major = 7;

    private const nuint ClearFd = 0x4c01, GetStatus64 = 0x4c05, Configure = 0x4c0a, ControlGetFree = 0x4c82, SetReadAhead = 0x1262;
    private const uint AutoClear = 4, DirectIo = 16;
    private const int ConfigLength = 304, InfoAt = 8, InfoLength = 232, FlagsAt = 52;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int NativeIoctl(SafeHandle fd, nuint request, byte* argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int NativeIoctl(SafeHandle fd, nuint request, nint argument);

    public static string PathOf(int number) => $"/dev/loop{number}";

    /// <summary>
    /// A loop device on an open file: direct I/O where the file allows it, gone by itself with its last user. The caller mounts it before
    /// it closes the handle.
    /// </summary>
    public static unsafe (int Number, SafeFileHandle Device) Attach(SafeHandle file, int readAheadKib)
    {
        using var control = Fcntl.Open("/dev/loop-control", Fcntl.ReadWrite);
        byte* config = stackalloc byte[ConfigLength];
        while (true)
        {
            int number = LinuxException.Check(NativeIoctl(control, ControlGetFree, 0), "LOOP_CTL_GET_FREE");
            var device = Fcntl.Open(PathOf(number), Fcntl.ReadWrite);
            new Span<byte>(config, ConfigLength).Clear();
            *(uint*)config = (uint)file.DangerousGetHandle();
            *(uint*)(config + InfoAt + FlagsAt) = AutoClear | DirectIo;
            // SAFETY: struct loop_config has 304 bytes; the caller keeps `file` open.
            if (NativeIoctl(device, Configure, config) == 0)
            {
                LinuxException.Check(NativeIoctl(device, SetReadAhead, readAheadKib * 2), "BLKRASET", PathOf(number));
                return (number, device);
            }

            int error = Marshal.GetLastPInvokeError();
            device.Dispose();
            if (error != Errno.Busy)    // busy: somebody else took the free one meanwhile
            {
                throw new LinuxException("LOOP_CONFIGURE", PathOf(number), error);
            }
        }
    }

    /// <summary>What is behind a loop device, null when nothing is.</summary>
    public static LoopBacking? Find(int number)
    {
        using var device = TryOpen(number);
        return device is null ? null : Find(device);
    }

    /// <summary>Detaches a loop device if it is still on that file. In use it goes with its last user.</summary>
    public static void Detach(int number, LoopBacking backing)
    {
        // While this descriptor is open the device cannot go to another file, so what is looked at is what is detached.
        using var device = TryOpen(number);
        if (device is not null && Find(device) == backing && NativeIoctl(device, ClearFd, 0) < 0
            && Marshal.GetLastPInvokeError() != Errno.NoDevice)
        {
            throw new LinuxException("LOOP_CLR_FD", PathOf(number), Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>The numbers of the loop devices that are in use.</summary>
    public static IReadOnlyList<int> InUse()
    {
        var numbers = new List<int>();
        foreach (string device in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            if (IsInUse(device) && int.TryParse(Path.GetFileName(device.AsSpan())["loop".Length..], out int number))
            {
                numbers.Add(number);
            }
        }

        return numbers;
    }

    public static bool IsInUse(int number) => IsInUse($"/sys/block/loop{number}");

    private static bool IsInUse(string block) => Directory.Exists(block + "/loop");

    private static SafeFileHandle? TryOpen(int number)
    {
        try
        {
            return Fcntl.Open(PathOf(number), Fcntl.ReadOnly);
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.NoDevice or Errno.NoDeviceOrAddress)
        {
            return null;
        }
    }

    private static unsafe LoopBacking? Find(SafeFileHandle device)
    {
        byte* info = stackalloc byte[InfoLength];
        // SAFETY: struct loop_info64 has 232 bytes.
        if (NativeIoctl(device, GetStatus64, info) < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            return error == Errno.NoDeviceOrAddress ? null : throw new LinuxException("LOOP_GET_STATUS64", "", error);
        }

        return new LoopBacking(DeviceNumber.Decode(*(ulong*)info), *(ulong*)(info + 8));
    }
}
