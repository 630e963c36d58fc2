using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Safes.Linux;

/// <summary>
/// Every number and structure in this library is Linux's; on another system the same call would do something else. So nothing of it can be
/// touched there, not by a way that nobody thought of either.
/// </summary>
internal static class OnlyLinux
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "before the first native call, whichever that is")]
    internal static void Begin() => Check(OperatingSystem.IsLinux());

    internal static void Check(bool linux)
    {
        if (!linux)
        {
            throw new PlatformNotSupportedException("this part of Safes is for Linux");
        }
    }
}
