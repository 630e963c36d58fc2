using System.Security.Cryptography;
using Safes.Contracts;
using Safes.Qemu;

namespace Safes.Hypervisor.Commands;

/// <summary>The images a safe runs, and their digests, which members are shown.</summary>
internal static class Images
{
    public const string GatewayName = "gateway";

    /// <summary>The manifest's digest of each prepared image, and that of the gateway's kernel and initramfs.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.ImageMissing"/>, <see cref="FaultCodes.ImageDamaged"/>.</exception>
    public static IReadOnlyDictionary<string, byte[]> DigestsOf(Premises premises)
    {
        var digests = premises.Images.ToDictionary(i => i.Key, i => Convert.FromHexString(Open(i.Value).Digest));
        digests[GatewayName] = GatewayDigest(premises.GatewayImage);
        return digests;
    }

    /// <exception cref="FaultException"><see cref="FaultCodes.ImageMissing"/>, <see cref="FaultCodes.ImageDamaged"/>.</exception>
    public static Bundle Open(string directory)
    {
        if (!File.Exists(Path.Combine(directory, Bundle.ManifestFile)))
        {
            throw new FaultException(FaultCodes.ImageMissing, ("file", directory), ("detail", "it has no manifest.json: `safed image build` makes one"));
        }

        try
        {
            return Bundle.Open(directory);
        }
        catch (Exception e) when (e is IOException or System.Text.Json.JsonException or InvalidDataException)
        {
            throw new FaultException(FaultCodes.ImageDamaged, ("file", directory), ("detail", e.Message));
        }
    }

    public static byte[] GatewayDigest(string directory)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string name in (string[])["vmlinuz", "initrd.img"])
        {
            string file = Path.Combine(directory, name);
            if (!File.Exists(file))
            {
                throw new FaultException(FaultCodes.ImageMissing, ("file", file));
            }

            using var stream = File.OpenRead(file);
            hash.AppendData(SHA256.HashData(stream));
        }

        return hash.GetHashAndReset();
    }
}
