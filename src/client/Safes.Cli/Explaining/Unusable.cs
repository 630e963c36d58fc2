using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Cli.Explaining;

/// <summary>A place of the device that the system does not let us use: no fault of ours, and the person can mend it.</summary>
internal static partial class Unusable
{
    /// <summary>Bytes of a Unix socket's path, its last zero not counted: sun_path of sys/un.h.</summary>
    private const int LongestSocketPath = 107;

    /// <summary>Null: it is something else.</summary>
    public static FaultException? Of(Exception e) => e switch
    {
        LinuxException { Number: Errno.Access or Errno.NotPermitted or Errno.ReadOnly } known when Path.IsPathRooted(known.Target) =>
            Fault(known.Target, Marshal.GetPInvokeErrorMessage(known.Number)),
        UnauthorizedAccessException or IOException { HResult: Errno.ReadOnly } when QuotedPath().Match(e.Message) is { Success: true } match =>
            Fault(match.Groups[1].Value, e is IOException ? Marshal.GetPInvokeErrorMessage(Errno.ReadOnly) : Marshal.GetPInvokeErrorMessage(Errno.Access)),
        _ => null,
    };

    /// <exception cref="FaultException">place-unusable: no socket can have that path.</exception>
    public static void CheckSocket(string path)
    {
        if (Encoding.UTF8.GetByteCount(path) > LongestSocketPath)
        {
            throw new FaultException(
                FaultCodes.PlaceUnusable, ("path", path), ("why", $"longer than the {LongestSocketPath} bytes that a socket's path may have"), ("hint", "set XDG_RUNTIME_DIR to a shorter one"));
        }
    }

    private static FaultException Fault(string path, string why) => new(FaultCodes.PlaceUnusable, ("path", path), ("why", why));

    // The framework says the path in its words only.
    [GeneratedRegex("'(/[^']+)'")]
    private static partial Regex QuotedPath();
}
