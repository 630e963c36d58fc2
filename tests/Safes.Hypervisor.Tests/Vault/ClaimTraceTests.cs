using Safes.Contracts;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Ways;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Volumes;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Vaults;

/// <summary>What a claim leaves on the server, and what a server does that has lost what it had.</summary>
public sealed class ClaimTraceTests
{
    [Fact]
    public void A_server_that_has_lost_header_and_roster_is_not_taken_for_unclaimed()
    {
        using var ledger = new Ledger();
        Assert.False(ledger.Vault.ClaimCameToNothing);
        foreach (string name in (string[])["header.a", "header.b", "roster"])
        {
            ledger.Files.Remove($"{Ledger.Directory}/{name}");
        }

        Assert.Equal(FaultCodes.HeaderDamaged, VaultTests.CodeOf(() => ledger.Restart()));
    }

    [Fact]
    public void A_claim_that_came_to_nothing_is_known_until_there_is_a_header()
    {
        using var ledger = new Ledger(claimed: false);
        Assert.False(ledger.Vault.ClaimCameToNothing);
        ledger.Vault.BeginClaim();
        ledger.Restart();
        Assert.True(ledger.Vault.ClaimCameToNothing);
        Assert.False(ledger.Vault.IsClaimed);
    }

    [Fact]
    [Trait("needs", "root")]
    public async Task A_volume_that_is_not_blank_is_never_made_anew_but_after_a_claim_that_came_to_nothing()
    {
        await using var test = await TestVolume.OpenAsync();
        test.Volume.Root.WriteFile("share/plan", "the plan"u8);
        await test.LockAsync();
        using var ledger = new Ledger(claimed: false);
        await using var effects = Effects(test, ledger);
        var before = Stat.Find(test.Volume.File);
        var refused = await Assert.ThrowsAsync<FaultException>(() => effects.PerformAsync(new MakeVolume(), new Closed(), TestContext.Current.CancellationToken));
        Assert.Equal(FaultCodes.HeaderDamaged, refused.Code);
        Assert.Equal(before?.Inode, Stat.Find(test.Volume.File)?.Inode);
        await test.ReopenAsync();
        Assert.Equal("the plan"u8.ToArray(), test.Volume.Root.ReadFile("share/plan"));
        await test.LockAsync();

        Directory.CreateDirectory(Path.Combine(test.Place, "ledger"));
        ledger.Vault.BeginClaim();
        await effects.PerformAsync(new MakeVolume(), new Closed(), TestContext.Current.CancellationToken);
        Assert.NotEqual(test.Identity.FileSystem, Premises.Read(new SafePaths(test.Place, test.Place, "ledger")).VolumeId);
    }

    private static SafeEffects Effects(TestVolume test, Ledger ledger) => new(
        new SafeParts
        {
            Paths = new SafePaths(test.Place, test.Place, "ledger"),
            Premises = new Premises { VolumeId = test.Identity.FileSystem, GatewayImage = "" },
            Images = new Dictionary<string, byte[]>(),
            Vault = ledger.Vault,
            Volume = new FscryptVolume(test.Volume.File, test.Volume.MountPoint),
            Network = null!,
            Ports = null!,
            World = null!,
            Gateway = null!,
            Ways = new NoWays(),
            Tools = null!,
            Guardian = null!,
            Sessions = new SessionBook(Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance),
            Log = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
        },
        new Deadlines(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)));
}
