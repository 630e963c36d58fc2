using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Hypervisor.Gateway;

/// <summary>The image's files, opened and compared with the manifest's digests: what was compared is what QEMU reads.</summary>
internal sealed class GatewayImage : IDisposable
{
    private GatewayImage(SafeFileHandle kernel, SafeFileHandle initrd) => (Kernel, Initrd) = (kernel, initrd);

    public SafeFileHandle Kernel { get; }

    public SafeFileHandle Initrd { get; }

    public static GatewayImage Open(string directory)
    {
        var opened = new List<SafeFileHandle>();
        try
        {
            using var stream = File.OpenRead(Path.Combine(directory, "manifest.json"));
            var manifest = JsonSerializer.Deserialize(stream, GatewayManifestJson.Default.GatewayManifest) ?? throw new InvalidDataException("an empty manifest");
            foreach (string name in (string[])["vmlinuz", "initrd.img"])
            {
                var file = Fcntl.Open(Path.Combine(directory, name), Fcntl.ReadOnly);
                opened.Add(file);
                using var bytes = new FileStream(new SafeFileHandle(file.DangerousGetHandle(), ownsHandle: false), FileAccess.Read);
                if (!manifest.Files.TryGetValue(name, out string? digest) || Convert.ToHexStringLower(SHA256.HashData(bytes)) != digest)
                {
                    throw new InvalidDataException($"{name} is not what the manifest says");
                }
            }

            return new GatewayImage(opened[0], opened[1]);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or JsonException or UnauthorizedAccessException)
        {
            opened.ForEach(f => f.Dispose());
            throw new GatewayException(GatewayFailure.Image, $"the gateway's image in {directory}: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        Kernel.Dispose();
        Initrd.Dispose();
    }
}

internal sealed record GatewayManifest([property: JsonPropertyName("files")] IReadOnlyDictionary<string, string> Files);

[JsonSerializable(typeof(GatewayManifest))]
internal sealed partial class GatewayManifestJson : JsonSerializerContext;
