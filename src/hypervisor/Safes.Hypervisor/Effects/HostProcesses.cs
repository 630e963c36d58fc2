using System.Text;
using Safes.Linux;

namespace Safes.Hypervisor.Effects;

/// <summary>
/// QEMU and virtiofsd of the safe's hosts, whoever started them: what names something on the volume in its command line (virtiofsd), or works
/// in a directory of it (QEMU, which is given its files by their names there).
/// </summary>
public static class HostProcesses
{
    public static IReadOnlyList<(int Pid, string Command)> Find(string mountPoint)
    {
        byte[] wanted = Encoding.UTF8.GetBytes(mountPoint + "/");
        string real = Fcntl.Resolve(mountPoint);
        var found = new List<(int, string)>();
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out int pid) || pid == Environment.ProcessId)
            {
                continue;
            }

            try
            {
                byte[] line = File.ReadAllBytes(Path.Combine(directory, "cmdline"));
                string program = Path.GetFileName(Encoding.UTF8.GetString(line.AsSpan(0, Math.Max(0, Array.IndexOf(line, (byte)0)))));
                if (IsOurs(program, line) && (line.AsSpan().IndexOf(wanted) >= 0 || WorksIn(directory, real)))
                {
                    found.Add((pid, program));
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended while we looked.
            }
        }

        return found;
    }

    /// <summary>Ends what was found; each is looked at again through its descriptor, so that a reused number hits nobody else.</summary>
    public static void End(string mountPoint, TimeSpan limit)
    {
        var ended = new List<PidFd>();
        foreach (var (pid, _) in Find(mountPoint))
        {
            if (PidFd.Open(pid) is { } process)
            {
                if (Find(mountPoint).Any(p => p.Pid == pid))
                {
                    process.Kill();
                }

                ended.Add(process);
            }
        }

        var until = BootClock.Now + limit;
        foreach (var process in ended)
        {
            process.WaitForEnd(until - BootClock.Now);
            process.Dispose();
        }
    }

    // As it looks from our mount namespace, which is that of the safe's processes.
    private static bool WorksIn(string process, string mountPoint) =>
        File.ResolveLinkTarget(process + "/cwd", returnFinalTarget: false)?.FullName.StartsWith(mountPoint + "/", StringComparison.Ordinal) ?? false;

    private static bool IsOurs(string program, byte[] line) =>
        program.StartsWith("qemu-system", StringComparison.Ordinal) || program is "setpriv"
        || program.Contains("virtiofsd", StringComparison.Ordinal) || line.AsSpan().IndexOf("virtiofsd"u8) >= 0;
}
