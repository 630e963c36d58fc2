using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>A closed safe of two hundred members, its daemon warmed up by one of everything.</summary>
public sealed class LargeTeam : IAsyncLifetime
{
    private const int Size = 200;

    internal RealSafe Safe { get; private set; } = null!;

    /// <summary>All, the owner first.</summary>
    internal IReadOnlyList<Laptop> Members { get; private set; } = [];

    /// <summary>Of safed while the safe is closed and nobody is connected.</summary>
    internal Footprint AtRest { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Safe = await RealSafe.StartAsync(RealSafe.Long);
        var members = new List<Laptop> { Safe.Owner };
        await Safe.Owner.OpenAsync();
        await Safe.Owner.Hold().Begun;
        while (members.Count < Size)
        {
            members.Add(await Safe.AdmitAsync($"member {members.Count}"));
            members[^1].Drop();
        }

        Members = members;
        await Safe.Owner.LeaveAsync();
        Safe.Owner.Drop();
        AtRest = await RestAsync();
    }

    /// <summary>Waits until safed has let go of what it had for those who were connected.</summary>
    internal async Task<Footprint> RestAsync()
    {
        foreach (var member in Members)
        {
            member.Drop();
        }

        // Threads of the pool, and a few descriptors of the runtime, come and go.
        Footprint now;
        for (var end = BootClock.Now + RealSafe.Patience; ; await Task.Delay(100))
        {
            now = Footprint.Of(Safe.Pid);
            if (AtRest is null ? BootClock.Now > end - RealSafe.Patience + TimeSpan.FromSeconds(3) : Reached(now) || BootClock.Now > end)
            {
                return now;
            }
        }

        bool Reached(Footprint f) => f.Descriptors <= AtRest.Descriptors + 4 && f.Threads <= AtRest.Threads + 4 && f.Children <= AtRest.Children;
    }

    internal void AssertAtRest(Footprint now)
    {
        Assert.True(
            now.Descriptors <= AtRest.Descriptors + 4 && now.Threads <= AtRest.Threads + 4 && now.Children <= AtRest.Children,
            $"{now} after {AtRest}: {string.Join(' ', Directory.GetFiles($"/proc/{Safe.Pid}/fd").Select(f => new FileInfo(f).LinkTarget).GroupBy(t => t?.Split(':')[0]).Select(g => $"{g.Count()} {g.Key}"))}");
        Assert.False(Safe.IsAttached);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var member in Members.Skip(1))
        {
            member.Dispose();
        }

        return Safe?.DisposeAsync() ?? default;
    }
}
