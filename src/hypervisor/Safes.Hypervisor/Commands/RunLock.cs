using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Hypervisor.Daemon;

namespace Safes.Hypervisor.Commands;

/// <summary>One safed per safe: flock, which ends with the process. What is written in the file is for people and decides nothing.</summary>
internal sealed class RunLock : IDisposable
{
    private readonly FileStream file;

    private RunLock(FileStream file) => this.file = file;

    /// <exception cref="FaultException"><see cref="FaultCodes.AlreadyRunning"/>.</exception>
    public static RunLock Take(SafePaths paths, ILogger? log)
    {
        Directory.CreateDirectory(paths.Run, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);    // `safed stop` may be the first after a boot
        if (Directory.Exists(paths.LockFile))
        {
            log?.StaleLock(paths.LockFile, "a directory");
            Directory.Move(paths.LockFile, $"{paths.LockFile}.{Guid.NewGuid():N}");
        }

        FileStream file;
        try
        {
            file = new FileStream(paths.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new FaultException(FaultCodes.AlreadyRunning, ("name", paths.Name));
        }

        if (file.Length > 0)
        {
            byte[] before = new byte[Math.Min(file.Length, 64)];
            file.ReadExactly(before);
            log?.StaleLock(paths.LockFile, new string([.. before.Select(b => b is >= 32 and < 127 ? (char)b : '.')]));
        }

        file.SetLength(0);
        file.Write(System.Text.Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"));
        file.Flush();
        return new RunLock(file);
    }

    public void Dispose()
    {
        file.SetLength(0);
        file.Dispose();
    }
}
