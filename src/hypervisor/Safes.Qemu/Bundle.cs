namespace Safes.Qemu;

/// <summary>A prepared image: a machine that booted once and was saved, ready to be cloned. Public content, identified by its manifest's digest.</summary>
public sealed class Bundle
{
    public const string ManifestFile = "manifest.json", Kernel = "vmlinuz", Initrd = "initrd.img", Disk = "disk.qcow2", Ram = "ram", State = "state";

    private Bundle(string directory, BundleManifest manifest, string digest)
    {
        Directory = directory;
        Manifest = manifest;
        Digest = digest;
    }

    public string Directory { get; }

    public BundleManifest Manifest { get; }

    /// <summary>SHA-256 of manifest.json in hexadecimal: names everything in the bundle.</summary>
    public string Digest { get; }

    public static Bundle Open(string directory) => throw new NotImplementedException();

    /// <summary>Copies onto the volume, each file against its digest, and makes it durable.</summary>
    /// <exception cref="StateMismatchException">A file is not what the manifest says.</exception>
    public Task<Bundle> CopyAsync(string to) => throw new NotImplementedException();
}

/// <summary>manifest.json.</summary>
public sealed record BundleManifest(
    string Name, long MemoryBytes, int Cpus, IReadOnlyDictionary<string, string> Files, string QemuVersion, string Accelerator, string Machine)
{
    /// <summary>The hardware that the state was saved with, see <see cref="StateRecord.Hardware"/>.</summary>
    public string Hardware { get; init; } = "";

    public string Cpu { get; init; } = "";

    /// <summary>The size that the guest sees of its disk.</summary>
    public long DiskBytes { get; init; }

    /// <summary>How much of the state file is the state.</summary>
    public long StateBytes { get; init; }
}
