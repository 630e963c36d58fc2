using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>linux/fscrypt.h: keys and policies of encrypted directories, version 2, keys named by identifier.</summary>
public static partial class Fscrypt
{
    /// <summary>struct fscrypt_add_key_arg before the raw key.</summary>
    public const int AddKeyHeader = 80;

    public const int IdentifierLength = 16, PolicyLength = 24;

    /// <summary>What GET_ENCRYPTION_KEY_STATUS answers.</summary>
    public const uint Absent = 1, Present = 2, IncompletelyRemoved = 3;

    /// <summary>What removal answers when files still hold the key.</summary>
    public const uint FilesBusy = 1;

    private const nuint AddKeyRequest = 0xc0506617, RemoveKeyAllUsersRequest = 0xc0406619, KeyStatusRequest = 0xc080661a, SetPolicyRequest = 0x800c6613,
        GetPolicyExRequest = 0xc0096616;

    private const uint ByIdentifier = 2;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int NativeIoctl(SafeHandle fd, nuint request, byte* argument);

    /// <summary>Version 2, AES-256-XTS for contents, AES-256-CTS for names, names padded to 32 bytes.</summary>
    public static void WritePolicy(Span<byte> policy, ReadOnlySpan<byte> identifier)
    {
        policy[..PolicyLength].Clear();
        policy[0] = 2;
        policy[1] = 1;
        policy[2] = 4;
        policy[3] = 3;
        identifier.CopyTo(policy.Slice(8, IdentifierLength));
    }

    /// <summary>Adds the key that lies in <paramref name="block"/> from <see cref="AddKeyHeader"/> on; the rest of it is filled in here.</summary>
    /// <returns>The identifier.</returns>
    public static unsafe byte[] AddKey(SafeHandle mounted, Span<byte> block)
    {
        block[..AddKeyHeader].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, ByIdentifier);
        BinaryPrimitives.WriteUInt32LittleEndian(block[40..], (uint)(block.Length - AddKeyHeader));
        // SAFETY: the block holds the header and the raw key whose length the header names; pinned for the call.
        fixed (byte* at = block)
        {
            LinuxException.Check(NativeIoctl(mounted, AddKeyRequest, at), "FS_IOC_ADD_ENCRYPTION_KEY");
        }

        return block.Slice(8, IdentifierLength).ToArray();
    }

    /// <summary>Removes a key for all its users and evicts what was opened with it. 0: gone. Null: there was none.</summary>
    public static unsafe uint? RemoveKey(SafeHandle mounted, ReadOnlySpan<byte> identifier)
    {
        byte* argument = stackalloc byte[64];
        Fill(argument, 64, identifier);
        // SAFETY: struct fscrypt_remove_key_arg has 64 bytes.
        if (NativeIoctl(mounted, RemoveKeyAllUsersRequest, argument) < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            return error == Errno.NoKey ? null : throw new LinuxException("FS_IOC_REMOVE_ENCRYPTION_KEY", "", error);
        }

        return *(uint*)(argument + 40);
    }

    /// <summary><see cref="Absent"/>, <see cref="Present"/> or <see cref="IncompletelyRemoved"/>.</summary>
    public static unsafe uint KeyStatus(SafeHandle mounted, ReadOnlySpan<byte> identifier)
    {
        byte* argument = stackalloc byte[128];
        Fill(argument, 128, identifier);
        // SAFETY: struct fscrypt_get_key_status_arg has 128 bytes.
        LinuxException.Check(NativeIoctl(mounted, KeyStatusRequest, argument), "FS_IOC_GET_ENCRYPTION_KEY_STATUS");
        return *(uint*)(argument + 64);
    }

    /// <summary>Makes an empty directory an encrypted one. The same policy again is no error.</summary>
    public static unsafe void SetPolicy(SafeHandle directory, ReadOnlySpan<byte> policy)
    {
        // SAFETY: struct fscrypt_policy_v2 has 24 bytes.
        fixed (byte* at = policy[..PolicyLength])
        {
            LinuxException.Check(NativeIoctl(directory, SetPolicyRequest, at), "FS_IOC_SET_ENCRYPTION_POLICY");
        }
    }

    /// <summary>The policy of a directory or file as the kernel holds it, null when it has none.</summary>
    public static unsafe byte[]? GetPolicy(SafeHandle directory)
    {
        byte* argument = stackalloc byte[8 + PolicyLength];
        *(ulong*)argument = PolicyLength;
        // SAFETY: struct fscrypt_get_policy_ex_arg: the room is named in its first eight bytes.
        if (NativeIoctl(directory, GetPolicyExRequest, argument) < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            return error is Errno.NoData or Errno.NotSupported or Errno.NoTerminalCall
                ? null
                : throw new LinuxException("FS_IOC_GET_ENCRYPTION_POLICY_EX", "", error);
        }

        return new ReadOnlySpan<byte>(argument + 8, (int)*(ulong*)argument).ToArray();
    }

    private static unsafe void Fill(byte* argument, int length, ReadOnlySpan<byte> identifier)
    {
        var span = new Span<byte>(argument, length);
        span.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(span, ByIdentifier);
        identifier.CopyTo(span.Slice(8, IdentifierLength));
    }
}
