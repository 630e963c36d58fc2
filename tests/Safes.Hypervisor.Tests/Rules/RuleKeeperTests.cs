using Safes.Contracts;
using Safes.Hypervisor.Rules;
using Safes.Roster;
using Safes.Roster.Tests;
using Safes.Rules;
using Safes.Volumes;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Rules;

[Trait("needs", "root")]
public sealed class RuleKeeperTests : IAsyncLifetime
{
    private static readonly ExposeRule Notebook = new("desk", 8888);

    private readonly Team team = new();
    private TestVolume volume = null!;

    private VolumeDirectory Root => volume.Volume.Root;

    private string Chain => Path.Combine(volume.Safe, "rules", "chain");

    public async ValueTask InitializeAsync() => volume = await TestVolume.OpenAsync();

    public async ValueTask DisposeAsync()
    {
        team.Dispose();
        await volume.DisposeAsync();
    }

    [Fact]
    public void What_an_owner_has_decided_stands_after_the_next_opening_and_is_told_once_it_is_durable()
    {
        var keeper = RuleKeeper.Open(Root, team.Roster);
        Assert.Null(keeper.Problem);
        var told = new List<int>();
        keeper.Changed += book => told.Add(RuleKeeper.Open(Root, team.Roster).Book.Entries.Count - book.Entries.Count);
        Add(keeper, Notebook);
        Add(keeper, new DataOutRule(DataOut.FourEyes));
        Assert.Equal([0, 0], told);

        var again = RuleKeeper.Open(Root, team.Roster);
        Assert.Null(again.Problem);
        Assert.Equal([Notebook, new DataOutRule(DataOut.FourEyes)], again.Book.Standing.Select(s => s.Rule));
        Assert.Equal(DataOut.FourEyes, again.DataOut);
    }

    [Fact]
    public void A_chain_of_which_any_byte_was_changed_allows_nothing_lets_nothing_out_and_is_left_as_it_is()
    {
        var keeper = RuleKeeper.Open(Root, team.Roster);
        Add(keeper, Notebook);
        byte[] right = File.ReadAllBytes(Chain);
        for (int at = 0; at < right.Length; at++)
        {
            byte[] wrong = [.. right];
            wrong[at] ^= 0x10;
            File.WriteAllBytes(Chain, wrong);
            var damaged = RuleKeeper.Open(Root, team.Roster);
            Assert.NotNull(damaged.Problem);
            Assert.Empty(damaged.Book.Standing);
            Assert.Equal(DataOut.Closed, damaged.DataOut);
            Assert.Equal(FaultCodes.RulesDamaged, Assert.Throws<FaultException>(() => Add(damaged, new ExposeRule("desk", 80))).Code);
            Assert.Equal(wrong, File.ReadAllBytes(Chain));
        }

        File.Delete(Chain);
        Directory.CreateDirectory(Chain);
        Assert.NotNull(RuleKeeper.Open(Root, team.Roster).Problem);
    }

    [Fact]
    public void Whoever_is_no_owner_or_comes_with_another_s_signature_changes_nothing()
    {
        var bob = team.Add("bob");
        var keeper = RuleKeeper.Open(Root, team.Roster);
        var before = team.Roster;
        Refused(FaultCodes.NotOwner, bob, Sign(keeper, bob, Notebook));
        Refused(FaultCodes.BadRequest, bob, Sign(keeper, team.Owner, Notebook));
        Refused(FaultCodes.BadRequest, team.Owner, RuleEntry.Sign(keeper.Book, team.Roster, team.Owner.Device, bob.Signing, Notebook, DateTimeOffset.UnixEpoch).Bytes);
        Refused(FaultCodes.BadRequest, team.Owner, new byte[] { 1, 2, 3 });
        team.Join(bob);
        Refused(FaultCodes.Moved, team.Owner, RuleEntry.Sign(keeper.Book, before, team.Owner.Device, team.Owner.Signing, Notebook, DateTimeOffset.UnixEpoch).Bytes);
        var late = Sign(keeper, team.Owner, new ExposeRule("desk", 80));
        Add(keeper, Notebook);
        Assert.Equal(FaultCodes.Moved, Assert.Throws<FaultException>(() => keeper.Append(team.Owner.Device, late.ToArray(), team.Roster)).Code);
        Assert.Equal(FaultCodes.RuleRefused, Assert.Throws<FaultException>(() => Add(keeper, Notebook)).Code);
        Assert.Equal(Notebook, Assert.Single(RuleKeeper.Open(Root, team.Roster).Book.Standing).Rule);

        void Refused(FaultCode code, DeviceKeys device, ReadOnlyMemory<byte> entry)
        {
            Assert.Equal(code, Assert.Throws<FaultException>(() => keeper.Append(device.Device, entry.ToArray(), team.Roster)).Code);
            Assert.False(File.Exists(Chain));
        }
    }

    private void Add(RuleKeeper keeper, Rule rule) => keeper.Append(team.Owner.Device, Sign(keeper, team.Owner, rule).ToArray(), team.Roster);

    private ReadOnlyMemory<byte> Sign(RuleKeeper keeper, DeviceKeys by, Rule rule) =>
        RuleEntry.Sign(keeper.Book, team.Roster, by.Device, by.Signing, rule, DateTimeOffset.UnixEpoch).Bytes;
}
