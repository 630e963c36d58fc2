using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>
/// linux/seccomp.h: the one filter we need. QEMU marks guest RAM MADV_HUGEPAGE, and on a file that makes every page fault read
/// and decrypt megabytes; the filter answers EINVAL to madvise(.., MADV_HUGEPAGE) and allows everything else.
/// </summary>
internal static partial class Seccomp
{
    private const int SetNoNewPrivileges = 38, SetSeccomp = 22, ModeFilter = 2;
    private const ushort LoadWord = 0x20, JumpIfEqual = 0x15, Return = 0x06;
    private const uint ReturnErrno = 0x00050000, ReturnAllow = 0x7FFF0000, HugePages = 14, NumberAt = 0, ThirdArgumentAt = 32;

    [StructLayout(LayoutKind.Sequential)]
    private struct Instruction(ushort code, byte ifTrue, byte ifFalse, uint k)
    {
        public ushort Code = code;
        public byte IfTrue = ifTrue;
        public byte IfFalse = ifFalse;
        public uint K = k;
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Program
    {
        public ushort Length;
        public Instruction* Filter;
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static unsafe partial int NativePrctl(int option, nint a, void* b, nint c, nint d);

    /// <summary>For the calling thread and what it starts; sets no_new_privs.</summary>
    internal static unsafe void NoHugePages()
    {
        uint madvise = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 233u : 28u;
        Span<Instruction> code =
        [
            new(LoadWord, 0, 0, NumberAt),
            new(JumpIfEqual, 0, 3, madvise),
            new(LoadWord, 0, 0, ThirdArgumentAt),   // its low half, on little-endian machines
            new(JumpIfEqual, 0, 1, HugePages),
            new(Return, 0, 0, ReturnErrno | (uint)Errno.Invalid),
            new(Return, 0, 0, ReturnAllow),
        ];
        // SAFETY: the filter and the program live until the call returns; the kernel copies them.
        fixed (Instruction* filter = code)
        {
            var program = new Program { Length = (ushort)code.Length, Filter = filter };
            LinuxException.Check(NativePrctl(SetNoNewPrivileges, 1, null, 0, 0), "prctl", "PR_SET_NO_NEW_PRIVS");
            LinuxException.Check(NativePrctl(SetSeccomp, ModeFilter, &program, 0, 0), "prctl", "PR_SET_SECCOMP");
        }
    }
}
