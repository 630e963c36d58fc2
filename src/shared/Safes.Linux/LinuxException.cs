using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>A system call failed: which, on what, and with what errno.</summary>
public sealed class LinuxException(string call, string target, int errno)
    : IOException($"{call} {target}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})")
{
    public string Call { get; } = call;

    public string Target { get; } = target;

    /// <summary>The errno as in errno.h, see <see cref="Errno"/>.</summary>
    public int Number { get; } = errno;

    /// <summary>Returns <paramref name="result"/>, or throws with the last errno when it is negative.</summary>
    public static int Check(int result, string call, string target = "") =>
        result >= 0 ? result : throw new LinuxException(call, target, Marshal.GetLastPInvokeError());

    /// <inheritdoc cref="Check(int, string, string)"/>
    public static nint Check(nint result, string call, string target = "") =>
        result >= 0 ? result : throw new LinuxException(call, target, Marshal.GetLastPInvokeError());
}
