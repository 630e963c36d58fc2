namespace Safes.Linux;

/// <summary>Numbers of errno.h that callers tell apart.</summary>
public static class Errno
{
    public const int NotPermitted = 1;
    public const int NoEntry = 2;
    public const int BrokenPipe = 32;
    public const int Interrupted = 4;
    public const int Io = 5;
    public const int Again = 11;
    public const int Access = 13;
    public const int Busy = 16;
    public const int Exists = 17;
    public const int CrossDevice = 18;
    public const int Invalid = 22;
    public const int NoSpace = 28;
    public const int ReadOnly = 30;
    public const int NotSupported = 95;
    public const int NoKey = 126;
    public const int NoChild = 10;
    public const int NoProcess = 3;
    public const int NoDeviceOrAddress = 6;
    public const int NoDevice = 19;
    public const int NotDirectory = 20;
    public const int IsDirectory = 21;
    public const int NoTerminalCall = 25;
    public const int NameTooLong = 36;
    public const int TooManyLinks = 40;
    public const int NoData = 61;
    public const int QuotaExceeded = 122;
    public const int NoBuffers = 105;
}
