using Safes.Contracts;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Safed.Tests;

/// <summary>What root finds in the memory of the real safed, after everything that has to do with keys. The controls find it.</summary>
[Trait("needs", "root")]
public sealed class SecretsInMemory
{
    [Theory(Timeout = 120_000)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_key_stays_in_the_memory_of_safed_whatever_became_of_an_opening(bool secretMemory)
    {
        await using var safe = await StartAsync(secretMemory ? [] : [OtherBuild.WithoutSecretMemory]);
        var secrets = SecretsOf(safe);
        Assert.Empty(MemoryScan.Find(safe.Pid, secrets));

        // Failed: a wrong password, then a right one sealed to another key.
        using (var wrong = SecretBuffer.Random(32))
        {
            secrets["a wrong CK"] = Laptop.Reveal(wrong);
            Assert.Equal(FaultCodes.WrongPassword, (await Assert.ThrowsAsync<FaultException>(() => safe.Owner.OpenAsync(wrong))).Code);
            Assert.Empty(MemoryScan.Find(safe.Pid, secrets));
        }

        await Assert.ThrowsAsync<FaultException>(() => safe.Owner.OpenAsync(damaged: true));
        Assert.Empty(MemoryScan.Find(safe.Pid, secrets));

        await safe.Owner.OpenAsync();
        Assert.Empty(MemoryScan.Find(safe.Pid, secrets));
        Assert.Equal(["token"], MemoryScan.Find(safe.Pid, new Dictionary<string, byte[]> { ["token"] = safe.Owner.Opened!.Token.ToByteArray() }));    // what was sent as it is, is found
        using (await safe.AdmitAsync("bob"))
        {
            Assert.Empty(MemoryScan.Find(safe.Pid, secrets));
        }

        await safe.Owner.LeaveAsync();
        Assert.Empty(MemoryScan.Find(safe.Pid, secrets));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_build_that_leaves_out_the_wipe_is_caught_by_the_same_scan()
    {
        await using var safe = await StartAsync(OtherBuild.WithoutSecretMemory, OtherBuild.WithoutTheWipe);
        await safe.Owner.OpenAsync();
        await safe.Owner.LeaveAsync();
        var secrets = SecretsOf(safe);
        Assert.Equal(secrets.Keys.Order(StringComparer.Ordinal), MemoryScan.Find(safe.Pid, secrets));
    }

    [Fact(Timeout = 120_000)]
    public async Task Of_what_passes_the_gateway_between_devices_and_safed_nothing_is_a_key()
    {
        MemoryStream record = new(), told = new();
        await using var safe = await RealSafe.StartAsync(RealSafe.Long, before: s => (s.Record, s.Gateway.Record) = (record, told));
        using (var wrong = SecretBuffer.Random(32))
        {
            await Assert.ThrowsAsync<FaultException>(() => safe.Owner.OpenAsync(wrong));
            await safe.Owner.OpenAsync();
            using var bob = await safe.AdmitAsync("bob");
            await bob.OpenAsync();
            var secrets = SecretsOf(safe);
            secrets["a wrong CK"] = Laptop.Reveal(wrong);
            secrets["another's CK"] = Laptop.Reveal(bob.Ck);
            secrets["token"] = safe.Owner.Opened!.Token.ToByteArray();
            await bob.LeaveAsync();
            await safe.Owner.LeaveAsync();
            Assert.True(record.Length > 20_000, $"{record.Length} bytes recorded");
            Assert.Empty(MemoryScan.Find(record.ToArray(), secrets));
            Assert.Contains(safe.Owner.Address.DeviceAddress.ToString(), System.Text.Encoding.Latin1.GetString(told.ToArray()), StringComparison.Ordinal);
            Assert.Empty(MemoryScan.Find(told.ToArray(), secrets));

            // What does not go through TLS is found: sent at once, for the server hangs up on what is no TLS.
            await using var open = await safe.ConnectAsync(default);
            await open.WriteAsync(secrets.Values.SelectMany(s => s).ToArray());

            Assert.Equal(secrets.Keys.Order(StringComparer.Ordinal), MemoryScan.Find(record.ToArray(), secrets));
        }
    }

    private static Task<RealSafe> StartAsync(params Action<string>[] changes) => RealSafe.StartAsync(
        RealSafe.Long, before: changes is [] ? null : s => s.Program = OtherBuild.Copy(Path.Combine(s.Home, "program"), changes));

    private static Dictionary<string, byte[]> SecretsOf(RealSafe safe)
    {
        var (serverShare, share, seed) = safe.Owner.Claimed!.Value;
        using var rs = SecretBuffer.Take([.. serverShare]);
        using var rc = SecretBuffer.Take([.. share]);
        using var vmk = VolumeKeys.NewMaster(rs, rc, safe.Owner.Roster!.Safe);
        using var keys = VolumeKeys.Derive(vmk);
        using var hs = SecretBuffer.Take(File.ReadAllBytes(Path.Combine(safe.Paths.State, "hs.1")));
        using var table = Kdf.Derive(hs, "safes/1/table"u8);
        using var box = Kdf.Derive(safe.Owner.Ck, [], "safes/1/pwbox"u8, 64);
        return new Dictionary<string, byte[]>
        {
            ["CK"] = Laptop.Reveal(safe.Owner.Ck),
            ["key of the password box"] = Laptop.Reveal(box)[32..],
            ["seed"] = seed,
            ["the device's share of the key"] = share,
            ["VMK"] = Laptop.Reveal(vmk),
            ["volume key"] = Laptop.Reveal(keys.Volume),
            ["header key"] = Laptop.Reveal(keys.Header),
            ["marker key"] = Laptop.Reveal(keys.Marker),
            ["server secret"] = Laptop.Reveal(hs),
            ["table key"] = Laptop.Reveal(table),
        };
    }
}
