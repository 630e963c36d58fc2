using System.Text.Json;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>qcow2 files by qemu-img. Only for making hosts and bundles; opening and closing a safe starts no such process.</summary>
public static class DiskImage
{
    /// <summary>An overlay over the image's disk, of the given size, with all its room allocated.</summary>
    public static Task CreateOverlayAsync(Tools tools, string overlay, string backing, long bytes) => RunAsync(
        tools, "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", Path.GetRelativePath(Path.GetDirectoryName(overlay)!, backing),
        "-o", "extended_l2=on,cluster_size=128k,preallocation=falloc", overlay, $"{bytes}");

    /// <summary>Makes it larger, with all its room allocated; one that is as large already stays. Nothing runs on it. After a cut it has the old size or the new one.</summary>
    /// <exception cref="ToolException">It could not be; it has the size it had.</exception>
    public static async Task GrowAsync(Tools tools, string image, long bytes)
    {
        if (await SizeAsync(tools, image).ConfigureAwait(false) < bytes)
        {
            await RunAsync(tools, "resize", "-q", "-f", "qcow2", "--preallocation=falloc", image, $"{bytes}").ConfigureAwait(false);
        }
    }

    /// <summary>The size that a guest sees.</summary>
    public static async Task<long> SizeAsync(Tools tools, string image)
    {
        using var info = JsonDocument.Parse(await RunAsync(tools, "info", "--output=json", image).ConfigureAwait(false));
        return info.RootElement.GetProperty("virtual-size").GetInt64();
    }

    /// <summary>Looks for damage in the image's own structures.</summary>
    /// <exception cref="ToolException">There is some.</exception>
    public static Task CheckAsync(Tools tools, string image) => RunAsync(tools, "check", "-q", image);

    private static async Task<string> RunAsync(Tools tools, params string[] arguments)
    {
        var said = await Tool.TryAsync(tools.QemuImg, arguments, environment: tools.Environment).ConfigureAwait(false);
        return said.Exit == 0 ? said.Output : throw new ToolException(tools.QemuImg, arguments, $"exit status {said.Exit}", said);
    }
}
