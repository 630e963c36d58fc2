using Safes.Contracts;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Keys;

namespace Safes.Hypervisor.Tests.Formats;

/// <summary>Every bit and every length of what `safed` keeps, one at a time.</summary>
public class FlipTests
{
    [Fact]
    public void Any_bit_of_an_intent_flipped_leaves_the_old_header_the_new_one_or_a_refusal_and_loses_nothing()
    {
        // Cut at every operation of a change, so that each state with an intent in it is met, the third generation and the second alike.
        int met = 0, loaded = 0;
        for (int cut = 0; cut < 40; cut++)
        {
            using var ledger = new Ledger();
            ledger.Add(ledger.Anna, ledger.NewPerson("bob"));
            ledger.Files.Budget = ledger.Files.Done + cut;
            try
            {
                ledger.Add(ledger.Anna, ledger.NewPerson("carol"));
                break;
            }
            catch (PowerCutException)
            {
            }

            var files = ledger.Files.AfterPowerCut(_ => true);
            string at = Path.Combine(Ledger.Directory, "intent");
            if (!files.Content.TryGetValue(at, out byte[]? intent))
            {
                continue;
            }

            met++;
            foreach (byte[] changed in Changes(intent))
            {
                var damaged = files.Copy();
                damaged.Put(at, changed);
                var before = Headers(damaged);
                try
                {
                    ledger.Restart(damaged);
                }
                catch (FaultException e) when (e.Code == FaultCodes.HeaderDamaged)
                {
                    Assert.Equal(before, Headers(damaged));
                    continue;
                }

                Assert.True(ledger.Vault.Generation is 2 or 3, $"generation {ledger.Vault.Generation} with the intent {Convert.ToHexStringLower(changed)} after {cut} operations");
                if (++loaded % 16 == 0)
                {
                    ledger.Opens(ledger.Anna);
                }
            }
        }

        Assert.InRange(met, 4, 40);
    }

    [Fact]
    public void Any_bit_of_a_session_s_token_flipped_is_another_token()
    {
        var book = new SessionBook(Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var (session, token) = book.Prepare(DeviceId.Random(), "anna", "laptop", "anna", DateTimeOffset.UnixEpoch, TimeSpan.FromHours(1));
        var again = SessionRecord.Parse(SessionRecord.Of(session).Write())!.Live();
        Assert.True(session.IsToken(token) && again.IsToken(token));
        foreach (byte[] changed in Changes(token))
        {
            Assert.False(session.IsToken(changed) || again.IsToken(changed));
        }
    }

    [Fact]
    public void Any_bit_of_a_session_s_record_flipped_is_a_record_without_a_fault_of_ours_or_none()
    {
        var book = new SessionBook(Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var (session, _) = book.Prepare(DeviceId.Random(), "anna", "laptop", "anna", DateTimeOffset.UnixEpoch, TimeSpan.FromHours(1));
        foreach (byte[] changed in Changes(SessionRecord.Of(session).Write()))
        {
            SessionRecord.Parse(changed)?.Live();
        }
    }

    private static string Headers(MemoryFiles files) => string.Join(' ', files.Content.Where(f => Path.GetFileName(f.Key) is var n && (n.StartsWith("header", StringComparison.Ordinal) || n == "roster"))
        .OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => f.Key + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(f.Value))));

    private static IEnumerable<byte[]> Changes(byte[] of)
    {
        for (int bit = 0; bit < of.Length * 8; bit++)
        {
            byte[] flipped = [.. of];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            yield return flipped;
        }

        for (int n = 0; n < of.Length; n++)
        {
            yield return of[..n];
        }

        yield return [.. of, 0];
    }
}
