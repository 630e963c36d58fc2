using System.Text.Json;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// Makes a bundle: boots an image in a public place, takes away what would be the same in every clone, saves. Nothing of a safe is in
/// it. vmgenid, a share (unmounted, of an empty directory) and a port are there, because a clone's devices must be the same.
/// </summary>
public static class BundleBuilder
{
    private const uint User = 64199;

    /// <summary>Run by the agent when the boot is over.</summary>
    private const string Prepare = """
        systemctl is-system-running --wait >/dev/null
        systemctl stop ssh
        rm -f /etc/ssh/ssh_host_* /var/lib/systemd/random-seed
        journalctl --rotate -q; journalctl --vacuum-time=1s -q
        truncate -s0 /etc/machine-id
        sync; echo 3 >/proc/sys/vm/drop_caches
        systemctl --failed --plain --no-legend
        """;

    /// <param name="image">vmlinuz, initrd.img, disk.qcow2.</param>
    /// <param name="output">Replaced.</param>
    /// <param name="step">Told what begins.</param>
    /// <param name="run">A directory for sockets, made and removed; beside the output unless given.</param>
    /// <param name="rights">Who does what needs rights over the server; null: this process.</param>
    public static async Task<Bundle> BuildAsync(
        Tools tools, string name, string image, string output, long memoryBytes, int cpus, Action<string>? step = null, Limits? limits = null,
        string? run = null, IMachineRights? rights = null)
    {
        rights ??= RootsRights.Instance;
        limits ??= new Limits();
        run ??= output + ".run";
        string work = output + ".new", share = Path.Combine(run, "share");
        Remove(work, run);
        Directory.CreateDirectory(work);
        Directory.CreateDirectory(share);
        try
        {
            step?.Invoke("copy");
            foreach (string file in (string[])[Bundle.Kernel, Bundle.Initrd, Bundle.Disk])
            {
                await Background.Run(() => FileCopy.Run(Path.Combine(image, file), Path.Combine(work, file), 0x1a4)).ConfigureAwait(false);
            }

            var places = new HostPlaces(work, run, share, work);
            using (var ram = Fcntl.Open(places.Ram, Fcntl.ReadWrite | Fcntl.Create))
            {
                RandomAccess.SetLength(ram, memoryBytes);
            }

            foreach (string file in (string[])[work, places.Ram, places.Disk])
            {
                Unistd.Chown(file, User, User);
            }

            var hardware = new HostHardware(name, cpus, memoryBytes, "52:54:00:53:01:00", User, Guid.NewGuid());
            var start = new MachineStart(tools, hardware, places, rights.OpenLoneTapAsync) { Limits = limits, Rights = rights };
            await BootAndSaveAsync(start, step).ConfigureAwait(false);

            step?.Invoke("digests");
            var digests = await Task.WhenAll(Bundle.Files.Select(file => Background.Run(() =>
            {
                string path = Path.Combine(work, file);
                Unistd.Chown(path, 0, 0);
                File.SetUnixFileMode(path, (UnixFileMode)0x124);
                return (file, StateRecord.DigestOf(path, new FileInfo(path).Length));
            }))).ConfigureAwait(false);
            var manifest = new BundleManifest(
                name, memoryBytes, cpus, await DiskImage.SizeAsync(tools, places.Disk).ConfigureAwait(false),
                digests.ToDictionary(d => d.file, d => d.Item2), tools.QemuVersion, tools.Accelerator, HostHardware.Machine,
                HostCpu.Describe(tools.Accelerator), hardware.Shape(tools.Accelerator));
            File.WriteAllBytes(Path.Combine(work, Bundle.ManifestFile), JsonSerializer.SerializeToUtf8Bytes(manifest, QemuJson.Default.BundleManifest));
            foreach (string left in Directory.GetFiles(work).Where(f => Path.GetFileName(f) is var n && n != Bundle.ManifestFile && !Bundle.Files.Contains(n)))
            {
                File.Delete(left);
            }

            Unistd.Chown(work, 0, 0);
            Remove(output);
            Directory.Move(work, output);
            return Bundle.Open(output);
        }
        finally
        {
            Remove(work, run);
        }
    }

    private static async Task BootAndSaveAsync(MachineStart start, Action<string>? step)
    {
        step?.Invoke("boot");
        await using var machine = await VirtualMachine.StartAsync(start).ConfigureAwait(false);
        try
        {
            var agent = await machine.AgentAsync(start.Limits.Boot).ConfigureAwait(false);
            step?.Invoke("prepare");
            var said = await agent.RunAsync(Prepare, start.Limits.Boot).ConfigureAwait(false);
            if (said.Exit != 0 || said.Output.Length > 0)
            {
                throw new InvalidDataException($"the image does not boot in order: {said.Output}{said.Error}");
            }

            step?.Invoke("save");
            await machine.SaveForBundleAsync().ConfigureAwait(false);
        }
        catch
        {
            await machine.KillAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static void Remove(params string[] directories)
    {
        foreach (string directory in directories.Where(Directory.Exists))
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
