using Safes.Linux;
using Safes.Secrets;

namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Makes a tiny ext4 in a file, encrypts a directory of it, takes the key away and looks whether its content is gone.</summary>
internal static class FscryptTrial
{
    private const string Name = "fscrypt";

    public static async Task<Finding> RunAsync(Server server, CancellationToken stop)
    {
        string folder = Directory.CreateTempSubdirectory("safes-doctor-").FullName;
        try
        {
            string volume = Path.Combine(folder, "volume"), mount = Directory.CreateDirectory(Path.Combine(folder, "mount")).FullName;
            await using (var file = File.Create(volume))
            {
                file.SetLength(16 << 20);
            }

            await Tool.RunAsync("mkfs.ext4", ["-q", "-O", "encrypt", "-m", "0", volume]).ConfigureAwait(false);
            stop.ThrowIfCancellationRequested();
            string? problem = Sched.InPrivateMounts(() => Try(volume, mount));
            return problem is null
                ? Finding.Good(Name, $"kernel {server.KernelRelease}: a directory was encrypted, and closed when its key went")
                : Finding.Must(Name, $"kernel {server.KernelRelease}: {problem}", "the volume is an ext4 with an encrypted directory", "a kernel with FS_ENCRYPTION, such as Debian's");
        }
        catch (LinuxException e)
        {
            return Finding.Must(
                Name, $"kernel {server.KernelRelease}: {e.Message}", "the volume is an ext4 with an encrypted directory, on a loop device",
                "a kernel with FS_ENCRYPTION and loop devices, such as Debian's");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // In one thread throughout: it alone sees the mount.
    private static string? Try(string volume, string mount)
    {
        using (var file = Fcntl.Open(volume, Fcntl.ReadWrite))
        {
            var (number, device) = Loop.Attach(file, readAheadKib: 16);
            using (device)
            {
                Mount.Attach(Loop.PathOf(number), mount, "ext4", Mount.NoSetuid | Mount.NoDevices | Mount.NoExec);
            }
        }

        try
        {
            string secret = Directory.CreateDirectory(Path.Combine(mount, "safe")).FullName;
            using var root = Fcntl.Open(mount, Fcntl.ReadOnly | Fcntl.Directory);
            using var block = SecretBuffer.Random(Fscrypt.AddKeyHeader + 64);
            byte[] identifier;
            using (var lease = block.Borrow())
            {
                identifier = Fscrypt.AddKey(root, lease.Span);
            }

            Span<byte> policy = stackalloc byte[Fscrypt.PolicyLength];
            Fscrypt.WritePolicy(policy, identifier);
            using (var directory = Fcntl.Open(secret, Fcntl.ReadOnly | Fcntl.Directory))
            {
                Fscrypt.SetPolicy(directory, policy);
            }

            File.WriteAllText(Path.Combine(secret, "probe"), "content");
            using (var whole = Fcntl.Open(secret, Fcntl.ReadOnly | Fcntl.Directory))
            {
                Fcntl.Sync(whole, secret);
            }

            uint? removed = Fscrypt.RemoveKey(root, identifier);
            return removed != 0 ? $"removing a key left {removed?.ToString() ?? "nothing to remove"}"
                : Fscrypt.KeyStatus(root, identifier) != Fscrypt.Absent ? "a removed key is still there"
                : File.Exists(Path.Combine(secret, "probe")) ? "a file was readable without its key"
                : null;
        }
        finally
        {
            Mount.Detach(mount);
        }
    }
}
