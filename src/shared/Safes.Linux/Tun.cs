using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>linux/if_tun.h: taps by descriptor, so that an unprivileged QEMU in an empty namespace can have a port here.</summary>
public static partial class Tun
{
    private const uint TunSetIff = 0x400454ca;
    private const short Tap = 2, NoPacketInformation = 0x1000, VirtioHeader = 0x4000;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int NativeIoctl(SafeHandle fd, nuint request, byte* argument);

    /// <summary>Makes a tap in the pinned network namespace; it vanishes when the last descriptor of it is closed.</summary>
    public static SafeFileHandle OpenTap(string network, string name) => Sched.InNetwork(network, () => OpenTap(name));

    /// <summary>Makes a tap in a network namespace of its own that nothing else is in and that ends with it.</summary>
    public static SafeFileHandle OpenLoneTap(string name) => Sched.InOwnThread(() =>
    {
        Sched.Unshare(Sched.NewNetwork);
        return OpenTap(name);
    });

    private static unsafe SafeFileHandle OpenTap(string name)
    {
        Span<byte> request = stackalloc byte[40];
        request.Clear();
        Encoding.ASCII.GetBytes(name, request[..15]);
        BitConverter.TryWriteBytes(request[16..], (short)(Tap | NoPacketInformation | VirtioHeader));
        var fd = Fcntl.Open("/dev/net/tun", Fcntl.ReadWrite | Fcntl.NonBlock);
        // SAFETY: struct ifreq has 40 bytes, pinned for the call.
        fixed (byte* at = request)
        {
            LinuxException.Check(NativeIoctl(fd, TunSetIff, at), "TUNSETIFF", name);
        }

        return fd;
    }
}
