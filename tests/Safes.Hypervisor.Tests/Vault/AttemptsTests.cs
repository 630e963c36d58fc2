using CsCheck;
using Safes.Contracts;

namespace Safes.Hypervisor.Tests.Vaults;

public class AttemptsTests
{
    [Fact]
    public void Three_tries_are_free_then_a_device_waits_a_minute_and_twice_as_long_each_time()
    {
        using var ledger = new Ledger();
        var (anna, bob) = (ledger.Anna, ledger.NewPerson("bob"));
        for (int left = 2; left >= 0; left--)
        {
            var wrong = Assert.Throws<FaultException>(() => ledger.Open(anna, bob.Ck));
            Assert.Equal((FaultCodes.WrongPassword, $"{left}", left == 0 ? "60" : "0"), (wrong.Code, wrong.Details["tries_left"], wrong.Details["seconds"]));
        }

        int minutes = 1;
        for (int i = 0; i < 9; i++)
        {
            ledger.Clock.Pass(TimeSpan.FromMinutes(minutes) - TimeSpan.FromSeconds(1));
            var waits = Assert.Throws<FaultException>(() => ledger.Open(anna));
            Assert.Equal((FaultCodes.TooManyTries, "1"), (waits.Code, waits.Details["seconds"]));
            ledger.Clock.Pass(TimeSpan.FromSeconds(1));
            minutes = Math.Min(60, minutes * 2);
            Assert.Equal($"{minutes * 60}", Assert.Throws<FaultException>(() => ledger.Open(anna, bob.Ck)).Details["seconds"]);
        }

        ledger.Clock.Pass(TimeSpan.FromHours(1));
        ledger.Opens(anna);
        Assert.Equal(3, ledger.Vault.TriesLeft(anna.Device));
    }

    [Fact]
    public void A_restart_a_reboot_and_a_changed_clock_give_nothing_back()
    {
        using var ledger = new Ledger();
        var (anna, bob) = (ledger.Anna, ledger.NewPerson("bob"));
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(FaultCodes.WrongPassword, VaultTests.CodeOf(() => ledger.Open(anna, bob.Ck)));
            ledger.Restart();
        }

        Assert.Equal(TimeSpan.FromMinutes(1), ledger.Vault.Wait(anna.Device));
        ledger.Clock.Wall += TimeSpan.FromDays(365);
        Assert.Equal(FaultCodes.TooManyTries, VaultTests.CodeOf(() => ledger.Open(anna)));
        ledger.Clock.Wall -= TimeSpan.FromDays(365);

        (ledger.BootId, ledger.Clock.SinceBoot) = ("boot-2", TimeSpan.FromSeconds(5));
        ledger.Restart();
        Assert.Equal(TimeSpan.FromMinutes(1), ledger.Vault.Wait(anna.Device));
        ledger.Clock.Wall -= TimeSpan.FromDays(365);
        Assert.Equal(TimeSpan.FromMinutes(1), ledger.Vault.Wait(anna.Device));
        ledger.Clock.Wall += TimeSpan.FromDays(365) + TimeSpan.FromMinutes(1);
        ledger.Opens(anna);
    }

    [Fact]
    public void One_device_locks_out_no_other()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        ledger.Join(bob);
        for (int i = 0; i < 20; i++)
        {
            _ = VaultTests.CodeOf(() => ledger.Open(bob, ledger.Anna.Ck));
        }

        Assert.Equal(0, ledger.Vault.TriesLeft(bob.Device));
        Assert.Equal(3, ledger.Vault.TriesLeft(ledger.Anna.Device));
        ledger.Opens(ledger.Anna);
    }

    [Fact]
    public void A_charge_is_durable_before_the_password_is_checked()
    {
        using var ledger = new Ledger();
        for (int n = 0; n < 4; n++)
        {
            ledger.Files.Budget = ledger.Files.Done + n;
            bool tried = false;
            try
            {
                ledger.Open(ledger.Anna, ledger.NewPerson("x").Ck);
            }
            catch (PowerCutException)
            {
            }
            catch (FaultException)
            {
                tried = true;
            }

            var left = ledger.Files.AfterPowerCut(_ => false);
            ledger.Restart(left);
            Assert.Equal(tried ? 2 : 3, ledger.Vault.TriesLeft(ledger.Anna.Device));
            Assert.Equal(n == 3, tried);
        }
    }

    [Fact]
    public void Guesses_checked_never_exceed_charges_whatever_happens() =>
        Gen.Select(Gen.Int[0, 4].Array[1, 40], Gen.Int).Sample((acts, fate) =>
        {
            using var ledger = new Ledger();
            var random = new Random(fate);
            var guess = ledger.NewPerson("x").Ck;
            var start = ledger.Clock.SinceBoot;
            int tried = 0;
            foreach (int act in acts)
            {
                switch (act)
                {
                    case 0:
                        ledger.Clock.Pass(TimeSpan.FromSeconds(random.Next(200)));
                        break;
                    case 1:
                        ledger.Restart(ledger.Files.AfterPowerCut(_ => random.Next(2) == 0));
                        break;
                    default:
                        tried += VaultTests.CodeOf(() => ledger.Open(ledger.Anna, guess)) == FaultCodes.WrongPassword ? 1 : 0;
                        break;
                }
            }

            // Three at once, then after 1, 2, 4, .. minutes: 2^(n-3) - 1 minutes for n tries.
            double minutes = (ledger.Clock.SinceBoot - start).TotalMinutes;
            return tried <= 3 || Math.Pow(2, tried - 3) - 1 <= minutes;
        }, iter: 60);
}
