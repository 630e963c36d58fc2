using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>What a member does after safed was killed while the safe was open.</summary>
[Trait("needs", "root")]
public sealed class AfterACrash
{
    [Fact(Timeout = 180_000)]
    public async Task Who_opens_by_password_instead_of_coming_back_and_then_leaves_closes_it_before_any_lease_is_over()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        await safe.KillAsync();
        await safe.RunAsync();
        var waited = BootClock.Now;
        safe.Owner.Drop();
        Assert.True((await safe.Owner.OpenAsync()).JoinedOpen);
        await safe.Owner.LeaveAsync();
        await safe.UntilAsync("closed");
        Assert.False(safe.IsAttached);
        Assert.True(BootClock.Now - waited < TimeSpan.FromSeconds(safe.Configuration.LeaseSeconds), "it waited for the session of before");
    }
}
