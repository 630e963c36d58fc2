using Safes.Linux;
using Safes.Qemu;
using Safes.Volumes;

namespace Safes.Hypervisor.Resident;

/// <summary>
/// What the inside process sees of the server: programs and images, read-only; the run directories of hosts and memory for what it writes on the
/// way; the volume, once it is given to it. Nothing of the safe's state, no socket of anybody's, no disk.
/// </summary>
/// <param name="images">Their directories.</param>
internal sealed class InsideView(SafePaths paths, string mountPoint, Tools tools, IEnumerable<string> images)
{
    /// <summary>What programs and libraries live in, and what the kernel shows.</summary>
    private static readonly string[] Trees = ["/usr", "/etc", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/proc", "/sys"];

    private static readonly string[] Devices = ["null", "zero", "full", "random", "urandom", "kvm"];

    /// <summary>The only place where it may leave something on the way.</summary>
    public string Temporary => Path.Combine(paths.Run, "tmp");

    /// <summary>The capabilities that it keeps: it makes files for members and hosts, and starts hosts' QEMU as their users. With none of them does it
    /// mount, trace, reach a device, or open a file by its handle.</summary>
    public static string Capabilities => "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap";

    /// <summary>What it uses elsewhere, as it is called and as the kernel calls it.</summary>
    private readonly string[] used =
        [.. new[] { Environment.ProcessPath!, AppContext.BaseDirectory, paths.Hosts }.Concat(tools.Paths).Concat(images).SelectMany(p => new[] { p, Fcntl.Resolve(p) })];

    /// <summary>Makes it, in the mount namespace of the calling thread, which is the process's to come.</summary>
    public void Make()
    {
        var devices = Devices.Select(d => $"/dev/{d}").Where(File.Exists).Select(d => (Path: d, Mount: Mount.Clone(d))).ToArray();
        using var hosts = Mount.Clone(paths.Hosts);
        WithoutOtherMounts();
        Mount.MakeReadOnly("/");
        Mount.Attach("tmpfs", "/dev", "tmpfs", Mount.NoSetuid | Mount.NoExec, "mode=755,size=64k");
        foreach (var (path, mount) in devices)
        {
            using (mount)
            {
                File.WriteAllBytes(path, []);
                Mount.Place(mount, path);
            }
        }

        if (Directory.Exists(paths.State))
        {
            Memory(paths.State, "mode=0,size=4k");
        }

        if (!used.Any(u => IsIn(u, "/tmp")))
        {
            Memory("/tmp", "mode=0,size=4k");    // who tries it out may have everything there
        }

        Memory("/run", "mode=755,size=64m");
        if (!paths.RunRoot.StartsWith("/run/", StringComparison.Ordinal))
        {
            Memory(paths.RunRoot, "mode=700,size=64m");
        }

        foreach (string directory in (string[])[paths.Run, paths.Hosts, mountPoint, Temporary])
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Mount.Place(hosts, paths.Hosts);
    }

    /// <summary>Gives it the volume as we have it mounted. It goes again with the last process there.</summary>
    /// <param name="process">The inside's number; it is ours, so it cannot have come to mean another process.</param>
    public async Task GiveVolumeAsync(int process)
    {
        using var volume = Mount.Clone(mountPoint);
        using var its = Fcntl.Open($"/proc/{process}/ns/mnt", Fcntl.ReadOnly);
        await Sched.StartInMounts(its, () =>
        {
            Mount.Place(volume, mountPoint);
            return true;
        }).ConfigureAwait(false);
    }

    // It would have a copy of every mount there is, and keep it: a disk that an administrator unmounts meanwhile would stay in use, and the volume,
    // where it is mounted already, would be seen without being given.
    private void WithoutOtherMounts()
    {
        foreach (string place in MountTable.Own().Select(m => m.Path).Reverse().Where(p => !IsUsed(p)))
        {
            try
            {
                Mount.Detach(place);
            }
            catch (LinuxException e) when (e.Number is Errno.Invalid or Errno.NoEntry)
            {
                // Another mount covers it.
            }
        }
    }

    private bool IsUsed(string place) => place == "/" || Trees.Any(t => IsIn(place, t)) || used.Any(u => IsIn(u, place));

    private static bool IsIn(string path, string directory) => path == directory || path.StartsWith(directory + "/", StringComparison.Ordinal);

    private static void Memory(string place, string options) => Mount.Attach("tmpfs", place, "tmpfs", Mount.NoSetuid | Mount.NoDevices | Mount.NoExec, options);
}
