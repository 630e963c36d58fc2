using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>net/if.h: a network interface's number, which no later one of the same name has.</summary>
public static partial class NetIf
{
    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint NativeNameToIndex(string name);

    /// <summary>In this thread's network; null when there is none of that name.</summary>
    public static uint? Find(string name) => NativeNameToIndex(name) is > 0 and var index ? index : null;
}
