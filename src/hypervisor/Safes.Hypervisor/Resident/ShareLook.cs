using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts.Link;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Resident;

/// <summary>
/// What share daemons have open, told by numbers. /proc names every file, but whoever reads such a name keeps it: so the files go to the inside as
/// places (O_PATH), which nobody can read or write by, and the inside looks what they are called.
/// </summary>
internal static class ShareLook
{
    private const uint ForWriting = 0x80;    // of the link in /proc/PID/fd: how the file was opened

    /// <summary>Looks at the daemons of some hosts.</summary>
    /// <param name="hosts">Numbers and run directories.</param>
    /// <param name="share">The directory that is served; only files of its file system count.</param>
    public static void At(IEnumerable<(int Number, string Run)> hosts, string share, ResidentAnswer answer, List<SafeHandle> handed)
    {
        if (Stat.Find(share) is not { } served)
        {
            return;
        }

        var written = new Dictionary<ulong, (SafeFileHandle File, SortedSet<int> Hosts)>();
        try
        {
            var daemons = StrayProcesses.ServersOf([.. hosts.Select(h => h.Run)]);
            foreach (var (number, run) in hosts)
            {
                HashSet<ulong> removed = [];
                foreach (int pid in daemons[run])
                {
                    Look(pid, served.Device, number, removed, written);
                }

                if (removed.Count > 0)
                {
                    answer.OpenFiles.Add(new OpenFiles { Host = (uint)number, Removed = (uint)removed.Count });
                }
            }

            foreach (var (inode, (file, its)) in written.Where(w => w.Value.Hosts.Count > 1).Take(SharesSeen.Most).ToArray())
            {
                answer.SharedFiles.Add(new SharedFile { Hosts = { its.Select(n => (uint)n) } });
                handed.Add(file);
                written.Remove(inode);
            }
        }
        finally
        {
            foreach (var (file, _) in written.Values)
            {
                file.Dispose();
            }
        }
    }

    private static void Look(int pid, DeviceNumber device, int number, HashSet<ulong> removed, Dictionary<ulong, (SafeFileHandle File, SortedSet<int> Hosts)> written)
    {
        foreach (int fd in Numbers(pid))
        {
            string link = $"/proc/{pid}/fd/{fd.ToString(CultureInfo.InvariantCulture)}";
            var place = Place(link);
            try
            {
                if (place is null || Stat.Of(place) is not { IsRegular: true } file || file.Device != device)
                {
                    continue;
                }

                if (file.Links == 0)
                {
                    removed.Add(file.Inode);
                }
                else if (((Stat.Find(link)?.Mode ?? 0) & ForWriting) != 0)
                {
                    if (!written.TryGetValue(file.Inode, out var seen))
                    {
                        written[file.Inode] = seen = (place, []);
                        place = null;
                    }

                    seen.Hosts.Add(number);
                }
            }
            finally
            {
                place?.Dispose();
            }
        }
    }

    // Null: it was closed, or its process has ended, while we looked.
    private static SafeFileHandle? Place(string link)
    {
        try
        {
            return Fcntl.Open(link, Fcntl.PathOnly);
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.NoProcess)
        {
            return null;
        }
    }

    private static IEnumerable<int> Numbers(int pid)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries($"/proc/{pid}/fd").Select(f => int.Parse(Path.GetFileName(f), CultureInfo.InvariantCulture))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];    // it has ended
        }
    }
}
