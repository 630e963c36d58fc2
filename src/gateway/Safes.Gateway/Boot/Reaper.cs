using Safes.Linux;

namespace Safes.Gateway.Boot;

/// <summary>
/// Reaps orphans. A child of ours is reaped by who started it, at once; an orphan by nobody. So what is still unreaped at a second
/// look is an orphan's.
/// </summary>
internal static class Reaper
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    public static void Start() => _ = RunAsync();

    private static async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Interval);
        int seen = 0;
        while (await timer.WaitForNextTickAsync())
        {
            int now;
            while ((now = Wait.Unreaped()) != 0 && now == seen)
            {
                Wait.Reap(now);
            }

            seen = now;
        }
    }
}
