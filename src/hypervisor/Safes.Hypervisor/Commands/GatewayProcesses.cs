using System.Text;
using Safes.Linux;

namespace Safes.Hypervisor.Commands;

/// <summary>The gateway's QEMU, found by the run directory in its command line.</summary>
internal static class GatewayProcesses
{
    public static void End(SafePaths paths)
    {
        byte[] wanted = Encoding.UTF8.GetBytes(paths.Gateway + "/");
        foreach (int pid in Find(wanted))
        {
            using var process = PidFd.Open(pid);
            if (process is not null && Find(wanted).Contains(pid))    // still the same one, now that a descriptor names it
            {
                process.Kill();
                process.WaitForEnd(TimeSpan.FromSeconds(5));
            }
        }
    }

    private static List<int> Find(byte[] wanted)
    {
        var found = new List<int>();
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out int pid) && pid != Environment.ProcessId)
            {
                try
                {
                    byte[] line = File.ReadAllBytes(Path.Combine(directory, "cmdline"));
                    if (line.AsSpan().IndexOf(wanted) >= 0 && line.AsSpan().IndexOf("qemu-system"u8) >= 0)
                    {
                        found.Add(pid);
                    }
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // It ended while we looked.
                }
            }
        }

        return found;
    }
}
