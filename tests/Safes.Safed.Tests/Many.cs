using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>Many members, devices, connections: safed stays as small as it was, and within what it may have.</summary>
[Trait("needs", "root")]
public sealed class Many(LargeTeam team) : IClassFixture<LargeTeam>
{
    /// <summary>MiB that safed may have, and how much of its own may be more than the time before.</summary>
    private const double Most = 150, Growth = 8;

    /// <summary>A leak grows with each round; what is made once, and what the garbage collector has not looked at yet, does not.</summary>
    private const int MostRounds = 5;

    private static readonly ParallelOptions AFew = new() { MaxDegreeOfParallelism = 8 };

    private RealSafe Safe => team.Safe;

    [Fact(Timeout = 300_000)]
    public async Task Two_hundred_sessions_are_held_and_leave_nothing_behind()
    {
        var full = new List<Footprint>();
        while (full.Count < 2 || (full.Count < MostRounds && full[^1].Own > full[^2].Own + Growth))
        {
            var held = await HoldAllAsync();
            int[] before = [.. held.Select(h => h.Answered)];
            while (held.Where((h, i) => h.Answered < before[i] + 4 && !h.Ended.IsCompleted).Any())
            {
                await Task.Delay(100);
            }

            Assert.All(held, h => Assert.False(h.Ended.IsCompleted));
            Assert.Equal(team.Members.Count, Safe.Gateway.Allowed.Count);
            full.Add(Footprint.Of(Safe.Pid));
            await Parallel.ForEachAsync(team.Members, AFew, async (m, _) => await m.LeaveAsync());
            team.AssertAtRest(await team.RestAsync());
        }

        Say(full);
        Assert.All(full, f => Assert.InRange(f.Memory, 0, Most));
        Assert.InRange(full[^1].Own, 0, full[^2].Own + Growth);
        Assert.True(full[0].Descriptors >= team.AtRest.Descriptors + team.Members.Count, "the control: connections were counted");
    }

    [Fact(Timeout = 300_000)]
    public async Task Fifty_who_open_at_once_all_get_in_and_whoever_leaves_last_closes_it()
    {
        var after = new List<Footprint>();
        while (after.Count < 3 || (after.Count < MostRounds && after[^1].Own > after[^2].Own + Growth))
        {
            var opened = await Task.WhenAll(team.Members.Take(50).Select(m => m.OpenAsync()));
            Assert.Single(opened, o => !o.JoinedOpen);
            Assert.Equal(50, opened.Select(o => o.Session).Distinct().Count());
            after.Add(Footprint.Of(Safe.Pid));
            await Task.WhenAll(team.Members.Take(50).Select(m => m.LeaveAsync()));
            team.AssertAtRest(await team.RestAsync());
        }

        Say(after);
        Assert.All(after, f => Assert.InRange(f.Memory, 0, Most));
        Assert.InRange(after[^1].Own, 0, after[^2].Own + Growth);
    }

    [Fact(Timeout = 300_000)]
    public Task Connections_that_are_lost_and_made_anew_leave_nothing_behind() => ReconnectAsync(960);

    [Fact(Timeout = 3_600_000)]
    [Trait("takes", "long")]
    public Task Ten_thousand_connections_leave_nothing_behind() => ReconnectAsync(10_000);

    private async Task ReconnectAsync(int times)
    {
        var members = team.Members.Take(8).ToArray();
        foreach (var member in members)
        {
            await member.OpenAsync();
        }

        var seen = new List<Footprint>();
        for (int done = 0; done < times; done += times / 10)
        {
            await Task.WhenAll(members.Select(async m =>
            {
                for (int i = 0; i < times / 10 / members.Length; i++)
                {
                    m.Drop();
                    await m.ResumeAsync();
                    await m.Hold().Begun;
                }
            }));
            seen.Add(Footprint.Of(Safe.Pid));
        }

        Say(seen);
        await Task.WhenAll(members.Select(m => m.LeaveAsync()));
        team.AssertAtRest(await team.RestAsync());
        Assert.All(seen, f => Assert.InRange(f.Memory, 0, Most));
        // In the first half .NET's heap grows to the size at which it is collected; what is kept for each connection would go on growing.
        Assert.InRange(seen[^1].Own, 0, seen.Take(seen.Count / 2).Max(f => f.Own) + Growth);
    }

    private async Task<IReadOnlyList<Laptop.Holding>> HoldAllAsync()
    {
        var held = new System.Collections.Concurrent.ConcurrentBag<Laptop.Holding>();
        await Parallel.ForEachAsync(team.Members, AFew, async (m, _) =>
        {
            await m.OpenAsync();
            var holding = m.Hold();
            await holding.Begun;
            held.Add(holding);
        });
        return [.. held];
    }

    private void Say(IEnumerable<Footprint> seen) => TestContext.Current.TestOutputHelper?.WriteLine($"at rest {team.AtRest}\n{string.Join('\n', seen)}");
}
