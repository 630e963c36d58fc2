namespace Safes.Hypervisor.Hosts;

// What hosts do with the team's files that can lose some.
public sealed partial class HostFleet
{
    private static readonly TimeSpan SharesLimit = TimeSpan.FromSeconds(2);

    /// <summary>What can be lost on the share as hosts have it open now; nothing when that cannot be seen.</summary>
    public async Task<IReadOnlyList<ShareTrouble>> LookAtShareAsync() => [.. ShareWords.Of(
        await SeeSharesAsync().ConfigureAwait(false),
        number => hosts.Values.FirstOrDefault(h => h.Definition.Number == number)?.Definition.Name ?? $"host {number}")];

    private async Task<SharesSeen> SeeSharesAsync()
    {
        try
        {
            return await Options.Shares.LookAsync(
                [.. hosts.Values.Where(h => h.Machine is not null && !h.Definition.IsProxy).Select(h => h.Definition.Number)], SharesLimit).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            Options.Trouble(e, "what hosts have open on the share is not known");
            return SharesSeen.Nothing;
        }
    }
}
