using Safes.Keys;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>The cryptography of one open outside Argon2id, both sides of it: what the limit of 30 ms is about.</summary>
public static class OpenBenchmark
{
    /// <summary>The time of each of <paramref name="rounds"/> opens of a safe with <paramref name="devices"/> devices.</summary>
    public static IReadOnlyList<TimeSpan> Run(int rounds, int devices = 10)
    {
        var (safe, member, device) = (new SafeId(1), MemberId.Random(), DeviceId.Random());
        using var seed = KemKeyPair.NewSeed();
        using var vmk = SecretBuffer.Random(VolumeKeys.MasterSize);
        using var ck = SecretBuffer.Random(PasswordKey.Size);
        using var server = SecretBuffer.Random(32);
        byte[] pk = KemKeyPair.PublicKey(seed);
        byte[] password = PasswordBox.Seal(ck, seed, safe, member, device, pk), volume = VolumeKeyBox.Seal(pk, vmk, safe, device, 1);
        var rows = Enumerable.Range(0, devices).Select(i => new DeviceBoxes(i == 0 ? device : DeviceId.Random(), password, volume));
        byte[] header = Header.Write(safe, 1, 1, new HeaderTable(VolumeParameters.Fscrypt, new byte[64], 1, [.. rows]), server, vmk);
        using var keys = new OneTimeKeys(BootClock.Instance);

        var times = new List<TimeSpan>();
        for (int i = 0; i < rounds; i++)
        {
            var start = BootClock.Now;
            byte[] oneTime = keys.Issue("connection").PublicKey;
            byte[] aad = OpenAad.Encode(Purpose.Open, safe, device, new byte[32], new byte[32], oneTime, new byte[64], 1, []);
            byte[] box = OneTimeSeal.Seal(oneTime, ck, aad);
            using var key = keys.Take("connection", oneTime);
            using var received = OneTimeSeal.Open(key.Seed, box, aad, PasswordKey.Size)!;
            var parsed = Header.Parse(header);
            var boxes = parsed.OpenTable(server).Find(device)!;
            using var opened = PasswordBox.Open(received, boxes.PasswordBox, safe, member, device, pk)!;
            using var master = VolumeKeyBox.Open(opened, boxes.VolumeKeyBox, safe, device, 1)!;
            bool whole = parsed.Verify(master);
            using var derived = VolumeKeys.Derive(master);
            times.Add(BootClock.Now - start);
            if (!whole)
            {
                throw new InvalidOperationException("did not open");
            }
        }

        return times;
    }
}
