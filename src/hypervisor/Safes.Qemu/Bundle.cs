using System.Security.Cryptography;
using System.Text.Json;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>
/// A prepared image: a machine that was booted once and saved, ready to be cloned. Public content; the digest of its manifest names all of it.
/// </summary>
public sealed class Bundle
{
    public const string ManifestFile = "manifest.json", Kernel = "vmlinuz", Initrd = "initrd.img", Disk = "disk.qcow2", Ram = "ram", State = "state";

    /// <summary>Every bundle has these, and nothing else.</summary>
    public static IReadOnlyList<string> Files { get; } = [Kernel, Initrd, Disk, Ram, State];

    private Bundle(string directory, BundleManifest manifest, string digest)
    {
        Directory = directory;
        Manifest = manifest;
        Digest = digest;
    }

    public string Directory { get; }

    public BundleManifest Manifest { get; }

    /// <summary>SHA-256 of manifest.json in hexadecimal.</summary>
    public string Digest { get; }

    public string PathOf(string file) => Path.Combine(Directory, file);

    /// <summary>Reads the manifest; the files themselves are compared when they are copied.</summary>
    /// <exception cref="StateMismatchException">Missing or damaged.</exception>
    public static Bundle Open(string directory)
    {
        byte[] text;
        try
        {
            text = File.ReadAllBytes(Path.Combine(directory, ManifestFile));
        }
        catch (IOException)
        {
            throw new StateMismatchException(StateProblem.Missing, "manifest", "", directory);
        }

        try
        {
            var manifest = JsonSerializer.Deserialize(text, QemuJson.Default.BundleManifest)!;
            if (manifest.Files.Keys.Order(StringComparer.Ordinal).SequenceEqual(Files.Order(StringComparer.Ordinal)) &&
                manifest is { MemoryBytes: > 0, Cpus: > 0, DiskBytes: > 0 })
            {
                return new Bundle(directory, manifest, Convert.ToHexStringLower(SHA256.HashData(text)));
            }
        }
        catch (JsonException)
        {
            // said below
        }

        throw new StateMismatchException(StateProblem.Damaged, "manifest", "", directory);
    }

    /// <summary>Copies onto the volume, each file against its digest, and makes it durable. What is there in part is replaced.</summary>
    /// <exception cref="StateMismatchException">A file is not what the manifest says; nothing is left.</exception>
    public async Task<Bundle> CopyAsync(string to)
    {
        string arriving = to + ".new";
        if (System.IO.Directory.Exists(arriving))
        {
            System.IO.Directory.Delete(arriving, recursive: true);
        }

        if (Files.FirstOrDefault(f => Stat.Find(PathOf(f)) is not { IsRegular: true }) is { } other)
        {
            throw new StateMismatchException(StateProblem.Damaged, other, "", "");
        }

        // Whoever made the manifest may have made the disk, too: no program of QEMU's gets to see one that leads elsewhere.
        if (Qcow2.Fault(PathOf(Disk), backing: null, Manifest.DiskBytes) is not null)
        {
            throw new StateMismatchException(StateProblem.Damaged, Disk, "", "");
        }

        System.IO.Directory.CreateDirectory(arriving);
        File.SetUnixFileMode(arriving, (UnixFileMode)0x1c9);   // 0711: QEMU knows the names it needs
        try
        {
            await Task.WhenAll(Files.Select(async file =>
            {
                string target = Path.Combine(arriving, file);
                string digest = await Background.Run(() => FileCopy.RunAndDigest(PathOf(file), target, 0x124)).ConfigureAwait(false);
                if (digest != Manifest.Files[file])
                {
                    throw new StateMismatchException(StateProblem.Damaged, file, Manifest.Files[file], digest);
                }

                // Else the first guest to run pays for it: what it syncs commits the journal, and with it all this.
                await WriteBack.DurablyAsync(target, 2).ConfigureAwait(false);
            })).ConfigureAwait(false);
            File.Copy(PathOf(ManifestFile), Path.Combine(arriving, ManifestFile));
            var copy = Open(arriving);
            if (copy.Digest != Digest)
            {
                throw new StateMismatchException(StateProblem.Damaged, "manifest", Digest, copy.Digest);
            }

            Fcntl.SyncDirectory(arriving);
            if (System.IO.Directory.Exists(to))
            {
                System.IO.Directory.Delete(to, recursive: true);
            }

            System.IO.Directory.Move(arriving, to);
            Fcntl.SyncDirectory(Path.GetDirectoryName(to)!);
            return new Bundle(to, Manifest, Digest);
        }
        catch
        {
            System.IO.Directory.Delete(arriving, recursive: true);
            throw;
        }
    }

    /// <summary>Whether it was made under this QEMU, accelerator and CPU, so that machines here can go on from its state.</summary>
    /// <exception cref="StateMismatchException">It was not.</exception>
    public void CheckMade(Tools tools)
    {
        Same("QEMU", Manifest.QemuVersion, tools.QemuVersion);
        Same("accelerator", Manifest.Accelerator, tools.Accelerator);
        Same("CPU", Manifest.Cpu, HostCpu.Describe(tools.Accelerator));
    }

    /// <summary>Whether a machine of this hardware can go on from the bundle's state.</summary>
    /// <exception cref="StateMismatchException">It cannot.</exception>
    public void CheckHardware(HostHardware hardware, Tools tools)
    {
        CheckMade(tools);
        Same("hardware", Manifest.Hardware, hardware.Shape(tools.Accelerator));
    }

    private static void Same(string what, string saved, string here)
    {
        if (saved != here)
        {
            throw new StateMismatchException(StateProblem.Mismatch, what, saved, here);
        }
    }
}

/// <summary>manifest.json.</summary>
/// <param name="Files">SHA-256 in hexadecimal by name.</param>
/// <param name="Hardware">See <see cref="HostHardware.Shape"/>.</param>
/// <param name="Cpu">See <see cref="HostCpu"/>.</param>
/// <param name="DiskBytes">The size that the guest sees of its disk.</param>
public sealed record BundleManifest(
    string Name, long MemoryBytes, int Cpus, long DiskBytes, IReadOnlyDictionary<string, string> Files, string QemuVersion, string Accelerator,
    string Machine, string Cpu, string Hardware);
