using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>linux/netlink.h: hearing that rules, links, addresses or their settings have changed in a network namespace. What has is not told.</summary>
public static partial class Netlink
{
    private const int Family = 16, Raw = 3, CloseOnExec = 0x80000, NonBlock = 0x800, Route = 0, Netfilter = 12, AddressLength = 12;
    private const int LinkGroup = 1, AddressGroup = 5, SettingGroup = 24, RulesGroup = 7;

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int NativeSocket(int family, int kind, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static unsafe partial int NativeBind(SafeHandle socket, byte* address, uint length);

    /// <summary>Ready to be read whenever nftables' rules change in the caller's network namespace, whoever changes them.</summary>
    public static SafeFileHandle HearRules() => Open(Netfilter, RulesGroup);

    /// <summary>Ready to be read whenever links, their IPv4 addresses, forwarding or filtering by reverse path change in the caller's network namespace.</summary>
    public static SafeFileHandle HearLinks() => Open(Route, LinkGroup, AddressGroup, SettingGroup);

    /// <summary>Takes away what has been heard, unread.</summary>
    public static void Drain(SafeFileHandle socket)
    {
        Span<byte> unread = stackalloc byte[4096];
        for (int i = 0; i < 256; i++)
        {
            try
            {
                _ = Unistd.Read(socket, unread);
            }
            catch (LinuxException e) when (e.Number == Errno.Again)
            {
                return;
            }
            catch (LinuxException e) when (e.Number == Errno.NoBuffers)
            {
                // More was said than the kernel keeps for us: it has changed, which is all that we want to know.
            }
        }
    }

    private static unsafe SafeFileHandle Open(int protocol, params ReadOnlySpan<int> groups)
    {
        var socket = new SafeFileHandle(LinuxException.Check(NativeSocket(Family, Raw | CloseOnExec | NonBlock, protocol), "socket", "netlink"), ownsHandle: true);
        byte* address = stackalloc byte[AddressLength];
        var name = new Span<byte>(address, AddressLength);
        name.Clear();
        uint wanted = 0;
        foreach (int group in groups)
        {
            wanted |= 1u << (group - 1);
        }

        BitConverter.TryWriteBytes(name, (ushort)Family);
        BitConverter.TryWriteBytes(name[8..], wanted);
        try
        {
            // SAFETY: struct sockaddr_nl has 12 bytes, on this frame.
            LinuxException.Check(NativeBind(socket, address, AddressLength), "bind", "netlink");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
