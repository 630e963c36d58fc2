using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// `safed image build`: boots an image once in a public place, makes it ready and saves it. What comes out is a bundle, of which hosts
/// are cloned.
/// </summary>
public static class ImageBuild
{
    /// <summary>What most hosts want.</summary>
    public const long UsualMemory = 512L << 20;

    /// <param name="image">vmlinuz, initrd.img, disk.qcow2 as images/workspace/build makes them.</param>
    /// <param name="output">The bundle's directory; replaced.</param>
    /// <exception cref="Safes.Contracts.FaultException">ImageMissing, HostFailed: the image does not boot in order.</exception>
    public static async Task<Bundle> RunAsync(Tools tools, string name, string image, string output, long memoryBytes = UsualMemory, int cpus = 1,
        IProgress<HostStep>? progress = null)
    {
        foreach (string file in (string[])[Bundle.Kernel, Bundle.Initrd, Bundle.Disk])
        {
            if (!File.Exists(Path.Combine(image, file)))
            {
                throw new Safes.Contracts.FaultException(Safes.Contracts.FaultCodes.ImageMissing, ("image", image), ("file", file));
            }
        }

        var steps = new Steps(name, progress);
        IDisposable? current = null;
        try
        {
            return await BundleBuilder.BuildAsync(tools, name, image, output, memoryBytes, cpus, step =>
            {
                current?.Dispose();
                current = steps.Begin(step);
            }).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException)
        {
            throw HostFaults.From(e, name);
        }
        finally
        {
            current?.Dispose();
        }
    }
}
