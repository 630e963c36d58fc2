using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// `safed image build`: boots an image once in a public place, makes it ready and saves it. What comes out is a bundle, of which hosts
/// are cloned.
/// </summary>
public static class ImageBuild
{
    /// <param name="image">vmlinuz, initrd.img, disk.qcow2 as images/workspace/build makes them.</param>
    /// <param name="output">The bundle's directory; replaced.</param>
    public static Task<Bundle> RunAsync(Tools tools, string name, string image, string output, long memoryBytes = 512L << 20, int cpus = 1,
        IProgress<HostStep>? progress = null) => throw new NotImplementedException();
}
