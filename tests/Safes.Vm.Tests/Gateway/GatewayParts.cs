using System.Security.Cryptography;
using System.Text;
using Safes.Linux;

namespace Safes.Vm.Tests.Gateway;

/// <summary>The gateway's image as it is shipped, and one that forwards everything.</summary>
internal static class GatewayParts
{
    private static readonly Lazy<Task<string>> LazyImage = new(FindAsync);

    public static Task<string> ImageAsync() => LazyImage.Value;

    /// <summary>
    /// The same image, gone bad: its nft takes every rule and applies none. The kernel unpacks one archive after the other, and the
    /// later file wins.
    /// </summary>
    public static async Task<string> HostileImageAsync(string directory)
    {
        string image = await ImageAsync();
        Directory.CreateDirectory(Path.Combine(directory, "more/bin"));
        await File.WriteAllTextAsync(Path.Combine(directory, "more/bin/nft"), "#!/bin/busybox sh\nexec /bin/busybox cat >/dev/null\n");
        File.SetUnixFileMode(Path.Combine(directory, "more/bin/nft"), (UnixFileMode)0b111_101_101);
        await Tool.RunAsync("sh", ["-c", $"cd {directory}/more && echo bin/nft | cpio --quiet -o -H newc >../more.cpio"]);
        byte[] initrd = [.. await File.ReadAllBytesAsync(Path.Combine(image, "initrd.img"))];
        // Archives begin at multiples of four bytes.
        byte[] padded = [.. initrd, .. new byte[(4 - (initrd.Length % 4)) % 4], .. await File.ReadAllBytesAsync(Path.Combine(directory, "more.cpio"))];
        await File.WriteAllBytesAsync(Path.Combine(directory, "initrd.img"), padded);
        File.Copy(Path.Combine(image, "vmlinuz"), Path.Combine(directory, "vmlinuz"));
        string Digest(string name) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(directory, name))));
        await File.WriteAllTextAsync(
            Path.Combine(directory, "manifest.json"),
            $$"""{ "name": "hostile", "files": { "vmlinuz": "{{Digest("vmlinuz")}}", "initrd.img": "{{Digest("initrd.img")}}" } }""",
            Encoding.UTF8);
        return directory;
    }

    private static async Task<string> FindAsync()
    {
        if (Environment.GetEnvironmentVariable("SAFES_GATEWAY_IMAGE") is { Length: > 0 } given)
        {
            return given;
        }

        string script = $". '{Parts.Root}/packaging/lib.sh'; {{ need_dotnet; publish safe-gateway; need_tools; need_image gateway; }} >&2; echo $SAFES_GATEWAY_IMAGE";
        return (await Tool.RunAsync("bash", ["-euo", "pipefail", "-c", script], limit: TimeSpan.FromMinutes(10))).Trim();
    }
}
