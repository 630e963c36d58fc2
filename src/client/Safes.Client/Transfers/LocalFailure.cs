using System.Runtime.InteropServices;
using Safes.Contracts;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>
/// What this device's own files and disks do not do (EIO, EINVAL, ESTALE, whatever a driver answers) is a fault of the file that it happened
/// to. Left as an exception of input and output it would look like the connection's.
/// </summary>
internal static class LocalFailure
{
    /// <exception cref="FaultException">file-failed, with the kernel's reason. A file system that is full passes as it is: it concerns all files.</exception>
    public static T Told<T>(FilePath path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && !IsFull(e))
        {
            throw new FaultException(
                FaultCodes.FileFailed, ("file", path.ToString()), ("why", e is LinuxException known ? Marshal.GetPInvokeErrorMessage(known.Number) : e.Message), ("where", "device"));
        }
    }

    public static bool IsFull(Exception e) => e is LinuxException { Number: Errno.NoSpace or Errno.QuotaExceeded };
}
