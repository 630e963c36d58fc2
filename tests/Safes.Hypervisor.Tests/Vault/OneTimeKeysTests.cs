using Safes.Contracts;
using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Tests.Vaults;

public sealed class OneTimeKeysTests : IDisposable
{
    private readonly ManualClock clock = new();
    private readonly OneTimeKeys keys;

    public OneTimeKeysTests() => keys = new OneTimeKeys(clock);

    public void Dispose() => keys.Dispose();

    [Fact]
    public void A_key_is_good_once()
    {
        byte[] pk = keys.Issue("a").PublicKey;
        using var key = keys.Take("a", pk);
        Assert.Equal(FaultCodes.Expired, VaultTests.CodeOf(() => keys.Take("a", pk)));
    }

    [Fact]
    public void A_key_is_good_for_thirty_seconds_of_boot_time()
    {
        byte[] pk = keys.Issue("a").PublicKey;
        clock.Wall += TimeSpan.FromDays(365);
        clock.SinceBoot += TimeSpan.FromSeconds(30);
        keys.Take("a", pk).Dispose();
        pk = keys.Issue("a").PublicKey;
        clock.SinceBoot += TimeSpan.FromSeconds(30.1);
        Assert.Equal(FaultCodes.Expired, VaultTests.CodeOf(() => keys.Take("a", pk)));
    }

    [Fact]
    public void A_key_is_good_for_its_own_connection()
    {
        byte[] pk = keys.Issue("a").PublicKey;
        keys.Issue("b");
        Assert.Equal(FaultCodes.Expired, VaultTests.CodeOf(() => keys.Take("b", pk)));
        Assert.Equal(FaultCodes.Expired, VaultTests.CodeOf(() => keys.Take("c", pk)));
        keys.Take("a", pk).Dispose();
    }

    [Fact]
    public void What_is_replaced_dropped_expired_or_used_is_wiped()
    {
        var replaced = keys.Issue("a");
        var dropped = keys.Issue("a");
        keys.Drop("a");
        var expired = keys.Issue("b");
        clock.SinceBoot += TimeSpan.FromMinutes(1);
        keys.Issue("c");
        Assert.All([replaced, dropped, expired], k => Assert.True(k.Seed.IsClosed));
    }

    [Fact]
    public async Task Asked_for_by_many_at_once_on_one_connection_there_is_one_key_and_the_others_are_wiped()
    {
        var issued = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Task.Run(() => keys.Issue("a"))));
        Assert.Single(issued, k => !k.Seed.IsClosed);
    }

    [Fact]
    public void So_many_connections_have_a_key_at_most_and_who_has_the_most_loses_the_oldest()
    {
        var honest = keys.Issue("honest", "desk");
        var hostile = new List<OneTimeKey>();
        for (int i = 0; i < 200; i++)
        {
            clock.SinceBoot += TimeSpan.FromMilliseconds(1);
            hostile.Add(keys.Issue($"{i}", "laptop"));
            Assert.True(hostile.Append(honest).Count(k => !k.Seed.IsClosed) <= OneTimeKeys.Most);
        }

        Assert.False(honest.Seed.IsClosed);
        Assert.False(hostile[^1].Seed.IsClosed);
        Assert.True(hostile[0].Seed.IsClosed);
    }
}
