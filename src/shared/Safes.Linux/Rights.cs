using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>sys/socket.h: descriptors over Unix sockets (SCM_RIGHTS) and who is at their other end (SO_PEERCRED), which .NET's sockets do not offer.</summary>
public static partial class Rights
{
    private const int NoSignal = 0x4000, CloseOnExec = 0x40000000, SolSocket = 1, ScmRights = 1, PeerCredentials = 17;

    private const int Unix = 1, Seqpacket = 5, SocketCloseOnExec = 0x80000;

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static unsafe partial int NativeSocketpair(int domain, int type, int protocol, int* pair);

    /// <summary>Two sockets that are connected to each other and keep messages apart. Neither has a name that anybody could find.</summary>
    public static unsafe (Socket Mine, Socket Theirs) Pair()
    {
        int* pair = stackalloc int[2];
        // SAFETY: two numbers, which the kernel fills.
        LinuxException.Check(NativeSocketpair(Unix, Seqpacket | SocketCloseOnExec, 0, pair), "socketpair");
        return (new Socket(new SafeSocketHandle(pair[0], ownsHandle: true)), new Socket(new SafeSocketHandle(pair[1], ownsHandle: true)));
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>Who connected, or, seen from there, who listens; null when the kernel does not say.</summary>
    public static (int Pid, uint User)? PeerOf(Socket connection)
    {
        Span<byte> credentials = stackalloc byte[12];    // struct ucred: pid, uid, gid
        return connection.GetRawSocketOption(SolSocket, PeerCredentials, credentials) == credentials.Length
            ? (BitConverter.ToInt32(credentials), BitConverter.ToUInt32(credentials[4..]))
            : null;
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Message
    {
        public nint Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint NativeSendmsg(SafeHandle socket, Message* message, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static unsafe partial nint NativeRecvmsg(SafeHandle socket, Message* message, int flags);

    /// <summary>Sends bytes and, with their first, descriptors (at most 16).</summary>
    public static unsafe void Send(Socket socket, ReadOnlySpan<byte> bytes, params ReadOnlySpan<SafeHandle> descriptors)
    {
        Span<byte> control = stackalloc byte[16 + (4 * 16)];
        control.Clear();
        int length = 16 + (4 * descriptors.Length);
        BitConverter.TryWriteBytes(control, (ulong)length);
        BitConverter.TryWriteBytes(control[8..], SolSocket);
        BitConverter.TryWriteBytes(control[12..], ScmRights);
        for (int i = 0; i < descriptors.Length; i++)
        {
            BitConverter.TryWriteBytes(control[(16 + (4 * i))..], (int)descriptors[i].DangerousGetHandle());
        }

        // SAFETY: all buffers are pinned or local and outlive the call; the callers keep the handles open.
        fixed (byte* data = bytes, ancillary = control)
        {
            var vector = new IoVector { Base = data, Length = (nuint)bytes.Length };
            var message = new Message
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = descriptors.IsEmpty ? null : ancillary,
                ControlLength = descriptors.IsEmpty ? 0 : (nuint)((length + 7) / 8 * 8),
            };
            nint sent = LinuxException.Check(NativeSendmsg(socket.SafeHandle, &message, NoSignal), "sendmsg");
            if (sent != bytes.Length)
            {
                throw new IOException($"sendmsg: {sent} of {bytes.Length} bytes");
            }
        }
    }

    /// <summary>Receives once; returns the number of bytes (0: the other side has gone) and any descriptors that came along.</summary>
    public static unsafe int Receive(Socket socket, Span<byte> bytes, List<SafeFileHandle> descriptors)
    {
        Span<byte> control = stackalloc byte[16 + (4 * 16)];
        control.Clear();
        // SAFETY: as in Send.
        fixed (byte* data = bytes, ancillary = control)
        {
            var vector = new IoVector { Base = data, Length = (nuint)bytes.Length };
            var message = new Message { Vectors = &vector, VectorCount = 1, Control = ancillary, ControlLength = (nuint)control.Length };
            nint n;
            while ((n = NativeRecvmsg(socket.SafeHandle, &message, CloseOnExec)) < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted) { }

            LinuxException.Check(n, "recvmsg");
            if (message.ControlLength >= 16 && BitConverter.ToInt32(control[8..]) == SolSocket && BitConverter.ToInt32(control[12..]) == ScmRights)
            {
                int count = ((int)BitConverter.ToUInt64(control) - 16) / 4;
                for (int i = 0; i < count; i++)
                {
                    descriptors.Add(new SafeFileHandle(BitConverter.ToInt32(control[(16 + (4 * i))..]), ownsHandle: true));
                }
            }

            return (int)n;
        }
    }
}
