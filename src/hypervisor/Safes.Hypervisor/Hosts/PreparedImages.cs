using Safes.Contracts;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// The prepared images on the volume, by what they were made of: `NAME-DIGEST` is a copy of a bundle, `NAME-DIGEST-CPUSxMEBIBYTES` was
/// booted from it on the volume, for hosts of another size. Disks of hosts stand on them, so none is ever changed.
/// </summary>
internal sealed class PreparedImages(HostFleetOptions options)
{
    /// <summary>The run directory of a machine that is only prepared. It has no number.</summary>
    public const string ImageRun = ".image";

    /// <summary>The bundle of this name outside the volume; the only one there is when no name is given.</summary>
    /// <exception cref="FaultException">ImageMissing; ImageDamaged: it is not among those that members were shown; ImageMismatch: it was made under another QEMU or accelerator.</exception>
    public (string Name, Bundle Bundle) Find(string name)
    {
        if (name.Length == 0 && options.Bundles.Count == 1)
        {
            name = options.Bundles.Keys.Single();
        }

        if (!options.Bundles.TryGetValue(name, out string? directory))
        {
            throw new FaultException(FaultCodes.ImageMissing, ("image", name), ("images", string.Join(", ", options.Bundles.Keys.Order(StringComparer.Ordinal))));
        }

        try
        {
            var bundle = Bundle.Open(directory);
            bundle.CheckMade(options.Tools);
            return options.KnownBundles is null || options.KnownBundles.Contains(bundle.Digest)
                ? (name, bundle)
                : throw new FaultException(FaultCodes.ImageDamaged, ("image", name), ("what", "not the image that was shown when the safe was joined"));
        }
        catch (StateMismatchException e)
        {
            throw Damaged(name, e);
        }
    }

    /// <summary>The bundle on the volume that hosts of this size are cloned from; copied or booted when it is not there yet. One call at a time.</summary>
    /// <exception cref="FaultException">ImageDamaged, ImageMismatch, HostFailed.</exception>
    public async Task<Bundle> PrepareAsync(string name, Bundle source, int cpus, long memoryBytes, Steps steps)
    {
        try
        {
            string usual = $"{name}-{source.Digest[..12]}";
            var copy = Existing(usual);
            if (copy is null)
            {
                using (steps.Begin("image", "copied onto the volume, once"))
                {
                    copy = await source.CopyAsync(options.Volume.PathOf($"images/{usual}")).ConfigureAwait(false);
                }
            }

            if (copy.Manifest.Cpus == cpus && copy.Manifest.MemoryBytes == memoryBytes)
            {
                return copy;
            }

            string sized = $"{usual}-{cpus}x{memoryBytes >> 20}";
            if (Existing(sized) is { } prepared)
            {
                return prepared;
            }

            using (steps.Begin("image", $"booted for {cpus} CPUs and {memoryBytes >> 20} MiB, once"))
            {
                return await BundleBuilder.BuildAsync(
                    options.Tools, name, copy.Directory, options.Volume.PathOf($"images/{sized}"), memoryBytes, cpus, limits: options.Limits,
                    run: Path.Combine(options.RunDirectory, ImageRun), rights: options.Rights(0)).ConfigureAwait(false);
            }
        }
        catch (StateMismatchException e)
        {
            throw Damaged(name, e);
        }
    }

    private Bundle? Existing(string directory) =>
        options.Volume.Exists($"images/{directory}/{Bundle.ManifestFile}") ? Bundle.Open(options.Volume.PathOf($"images/{directory}")) : null;

    private static FaultException Damaged(string name, StateMismatchException e) => e.Problem switch
    {
        StateProblem.Missing => new FaultException(FaultCodes.ImageMissing, ("image", name), ("what", e.What)),
        StateProblem.Damaged => new FaultException(FaultCodes.ImageDamaged, ("image", name), ("what", e.What)),
        _ => new FaultException(FaultCodes.ImageMismatch, ("image", name), ("what", e.What), ("saved", e.Saved), ("here", e.Here)),
    };
}
