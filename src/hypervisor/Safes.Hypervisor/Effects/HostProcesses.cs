using System.Text;
using Safes.Linux;

namespace Safes.Hypervisor.Effects;

/// <summary>Processes whose command line names something on the volume: QEMU and virtiofsd of the safe's hosts, whoever started them.</summary>
public static class HostProcesses
{
    public static IReadOnlyList<(int Pid, string Command)> Find(string mountPoint)
    {
        byte[] wanted = Encoding.UTF8.GetBytes(mountPoint + "/");
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
                if (line.AsSpan().IndexOf(wanted) >= 0 && IsOurs(program, line))
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

    private static bool IsOurs(string program, byte[] line) =>
        program.StartsWith("qemu-system", StringComparison.Ordinal) || program is "setpriv"
        || program.Contains("virtiofsd", StringComparison.Ordinal) || line.AsSpan().IndexOf("virtiofsd"u8) >= 0;
}
