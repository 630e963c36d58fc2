using CsCheck;
using Safes.Contracts;

namespace Safes.Hypervisor.Tests.Vaults;

/// <summary>Power cuts before every operation on files, with every fate of what was not synced: exactly the old or the new header opens.</summary>
public class CrashTests
{
    [Fact]
    public void A_power_cut_during_a_claim_leaves_it_unclaimed_or_claimed() => Cut(
        () => new Ledger(claimed: false), l => l.Claim(), l =>
        {
            if (!l.Vault.IsClaimed)
            {
                l.Claim();
            }

            l.Opens(l.Anna);
        });

    [Fact]
    public void A_power_cut_while_a_member_is_added_leaves_the_old_or_the_new_roster() => Cut(
        () => new Ledger(), l => l.Add(l.Anna, l.NewPerson("bob")), l =>
        {
            Assert.Equal(l.Vault.Roster!.Count, (int)l.Vault.Generation);
            l.Opens(l.Anna);
            l.Add(l.Anna, l.NewPerson("carol"));
            l.Opens(l.Anna);
        });

    [Fact]
    public void A_power_cut_during_a_join_leaves_the_old_or_the_new_box() => Cut(
        () =>
        {
            var ledger = new Ledger();
            ledger.Add(ledger.Anna, ledger.NewPerson("bob"));
            return ledger;
        },
        l => l.Join(l.People[1]), l =>
        {
            l.Opens(l.Anna);
            if (!l.Vault.Roster!.Devices[1].Joined)
            {
                l.Join(l.People[1]);
            }

            l.Opens(l.People[1]);
        });

    [Fact]
    public void A_power_cut_while_a_member_is_removed_leaves_the_old_or_the_new_epoch() => Cut(
        () =>
        {
            var ledger = new Ledger();
            ledger.Add(ledger.Anna, ledger.NewPerson("bob"));
            ledger.Join(ledger.People[1]);
            return ledger;
        },
        l => l.Remove(l.Anna, l.People[1]), l =>
        {
            l.Opens(l.Anna);
            bool removed = l.Vault.Epoch == 2;
            Assert.Equal(removed ? FaultCodes.UnknownDevice : null, VaultTests.CodeOf(() => l.Open(l.People[1]).Dispose()));
            Assert.Equal([$"hs.{l.Vault.Epoch}"], l.Files.List(Ledger.Directory).Where(n => n.StartsWith("hs.", StringComparison.Ordinal) && !n.EndsWith(".new", StringComparison.Ordinal)));
            if (!removed)
            {
                l.Remove(l.Anna, l.People[1]);
            }

            l.Opens(l.Anna);
        });

    [Fact]
    public void The_old_secret_is_erased_only_after_the_new_header_is_durable()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        int from = ledger.Files.Log.Count;
        ledger.Remove(ledger.Anna, bob);
        var log = ledger.Files.Log.Skip(from).ToList();
        int erased = log.IndexOf("overwrite hs.1"), header = log.FindIndex(l => l.StartsWith("rename header.", StringComparison.Ordinal));
        Assert.True(header > 0 && erased > header + 1 && log[header + 1] == "sync ledger", string.Join(", ", log));
    }

    [Fact]
    public void A_change_that_fails_without_a_power_cut_leaves_memory_and_disk_agreeing()
    {
        // The disk refuses one operation and then works again: a full disk, or an error that passes.
        for (int n = 0; n < 60; n++)
        {
            using var ledger = new Ledger();
            int before = ledger.Files.Done;
            ledger.Files.Budget = before + n;
            try
            {
                ledger.Add(ledger.Anna, ledger.NewPerson("bob"));
                return;
            }
            catch (PowerCutException)
            {
                ledger.Files.Budget = null;
            }

            ledger.Opens(ledger.Anna);
            var (generation, count) = (ledger.Vault.Generation, ledger.Vault.Roster!.Count);
            ledger.Restart();
            Assert.Equal((generation, count), (ledger.Vault.Generation, ledger.Vault.Roster!.Count));
            ledger.Opens(ledger.Anna);
        }

        Assert.Fail("never got through");
    }

    private static void Cut(Func<Ledger> prepare, Action<Ledger> change, Action<Ledger> check)
    {
        int cuts = 0;
        for (bool through = false; !through; cuts++)
        {
            foreach (var keep in Fates())
            {
                using var ledger = prepare();
                ledger.Files.Budget = ledger.Files.Done + cuts;
                try
                {
                    change(ledger);
                    through = true;
                }
                catch (PowerCutException)
                {
                }

                ledger.Restart(ledger.Files.AfterPowerCut(keep));
                check(ledger);
                ledger.Restart();
                ledger.Opens(ledger.Anna);
            }
        }

        Assert.InRange(cuts, 10, 100);

        // A second cut while the first is being recovered from.
        Gen.Select(Gen.Int[0, cuts], Gen.Int[0, 12], Gen.Int).Sample((first, second, fate) =>
        {
            using var ledger = prepare();
            var random = new Random(fate);
            ledger.Files.Budget = ledger.Files.Done + first;
            Survives(() => change(ledger));
            var files = ledger.Files.AfterPowerCut(_ => random.Next(2) == 0);
            files.Budget = second;
            Survives(() => ledger.Restart(files));
            ledger.Restart(files.AfterPowerCut(_ => random.Next(2) == 0));
            check(ledger);
        }, iter: 40);
    }

    private static void Survives(Action act)
    {
        try
        {
            act();
        }
        catch (PowerCutException)
        {
        }
    }

    private static IEnumerable<Func<int, bool>> Fates()
    {
        yield return _ => false;
        yield return _ => true;
        yield return i => i % 2 == 0;
        yield return i => i % 2 == 1;
    }
}
