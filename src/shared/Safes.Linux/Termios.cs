using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>termios.h: whether a terminal shows what is typed.</summary>
public static partial class Termios
{
    private const uint Echo = 0x8, EchoNewline = 0x40;
    private const int Now = 0, Flush = 2;

    /// <summary>How a terminal is set, to be put back later.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct Settings
    {
        internal uint Input, Output, Control, Local;
        internal byte Line;
        internal fixed byte Characters[32];
        internal uint InputSpeed, OutputSpeed;

        public readonly bool ShowsTyping => (Local & Echo) != 0;
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    private static unsafe partial int NativeTcgetattr(SafeHandle fd, Settings* settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    private static unsafe partial int NativeTcsetattr(SafeHandle fd, int when, Settings* settings);

    /// <summary>The settings of a terminal; throws (ENOTTY) for anything else.</summary>
    public static unsafe Settings Get(SafeHandle fd)
    {
        Settings settings;
        // SAFETY: the struct is glibc's struct termios of 60 bytes (a test compares) and outlives the call.
        LinuxException.Check(NativeTcgetattr(fd, &settings), "tcgetattr");
        return settings;
    }

    /// <summary>Puts settings back at once.</summary>
    public static unsafe void Set(SafeHandle fd, Settings settings) =>
        // SAFETY: a local copy that outlives the call.
        LinuxException.Check(NativeTcsetattr(fd, Now, &settings), "tcsetattr");

    /// <summary>Stops showing what is typed, all but the end of the line, and drops what was typed before.</summary>
    public static unsafe void Hide(SafeHandle fd, Settings before)
    {
        before.Local = (before.Local & ~Echo) | EchoNewline;
        // SAFETY: the parameter is a local copy that outlives the call.
        LinuxException.Check(NativeTcsetattr(fd, Flush, &before), "tcsetattr");
    }
}
