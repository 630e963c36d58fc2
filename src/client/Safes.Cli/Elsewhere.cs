using System.CommandLine;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Safes.Cli.Explaining;
using Safes.Contracts;

namespace Safes.Cli;

/// <summary>
/// Systems that the program is built for and cannot work on yet. There it says so before it touches anything; its help, manual pages and
/// completion are text alone and work everywhere.
/// </summary>
internal static class Elsewhere
{
    /// <summary>Whether this is a system that it works on. Tests set it.</summary>
    [SupportedOSPlatformGuard("linux")]
    public static bool IsHere { get; set; } = OperatingSystem.IsLinux();

    private static string Name => OperatingSystem.IsWindows() ? "Windows" : OperatingSystem.IsMacOS() ? "macOS" : RuntimeInformation.OSDescription;

    public static async Task<int> RefuseAsync(ParseResult given)
    {
        await Console.Error.WriteAsync(Explain.Text(new FaultException(FaultCodes.OtherSystem, ("system", Name)), null, given.GetValue(Common.Json))).ConfigureAwait(false);
        return FaultCodes.OtherSystem.Exit;
    }
}
