using Google.Protobuf;
using Safes.Client.Enrolment;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Safed.Tests;

/// <summary>Somebody who has a member's device, but not the password, tries as fast as the link allows.</summary>
[Trait("needs", "root")]
public sealed class Guessing
{
    private const int Connections = 15, FreeTries = 3;

    [Fact(Timeout = 240_000)]
    public async Task A_flood_of_wrong_passwords_slows_its_own_device_durably_and_nobody_else()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        await safe.Owner.Hold().Begun;
        using var eve = await safe.AdmitAsync("eve");
        using var bob = await safe.AdmitAsync("bob");
        eve.Drop();

        // Each connection has its one-time key before the first guess is made: none of them is turned away at the door.
        var stop = TestContext.Current.CancellationToken;
        var attackers = new List<(Client.Connection.Server Server, OneTimeKeyReply Key)>();
        for (int i = 0; i < Connections; i++)
        {
            var server = new Client.Connection.Server(eve.Address, eve.Keys, safe.ConnectAsync);
            attackers.Add((server, await server.GetOneTimeKeyAsync(stop)));
        }

        var flood = Task.WhenAll(attackers.Select(a => GuessAsync(eve, a.Server, a.Key)));
        for (int i = 0; i < 5; i++)
        {
            Assert.True((await bob.OpenAsync()).JoinedOpen);
            await bob.LeaveAsync();
            await safe.Owner.StatusAsync();
        }

        var answers = (await flood).CountBy(c => c).ToDictionary();
        attackers.ForEach(a => a.Server.Dispose());
        Assert.Equal(FreeTries, answers[FaultCodes.WrongPassword.Code]);
        Assert.Equal(Connections - FreeTries, answers[FaultCodes.TooManyTries.Code]);

        // Neither her password nor a crash of safed shortens the wait; the others' sessions outlive it.
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(FaultCodes.TooManyTries, (await Assert.ThrowsAsync<FaultException>(() => eve.OpenAsync())).Code);
            await safe.KillAsync();
            await safe.RunAsync();
            eve.Drop();
            safe.Owner.Drop();
            await safe.Owner.ResumeAsync();
            bob.Drop();
            Assert.True((await bob.OpenAsync()).JoinedOpen);
        }

        Assert.Equal(FaultCodes.TooManyTries, (await Assert.ThrowsAsync<FaultException>(() => eve.OpenAsync())).Code);
        bob.Drop();
    }

    private static async Task<string> GuessAsync(Laptop eve, Client.Connection.Server server, OneTimeKeyReply key)
    {
        using var guess = SecretBuffer.Random(32);
        var request = new OpenRequest
        {
            OneTimeKey = key.PublicKey,
            Sealed = Sealing.Seal(Purpose.Open, eve.Roster!.Safe, eve.Keys, eve.Address, key, [], guess),
            Head = key.Head,
            Generation = key.Generation,
        };
        try
        {
            await foreach (var _ in server.Calls.StreamAsync((c, o) => c.Open(request, o), RealSafe.Patience, CancellationToken.None))
            {
            }

            return "opened";
        }
        catch (FaultException e)
        {
            return e.Code.Code;
        }
    }
}
