using Safes.Linux;

namespace Safes.Network;

// The server's namespace is its administrator's, too: what is ours there is looked after.
public sealed partial class SafeNetwork
{
    /// <summary>What the last look saw.</summary>
    public NetworkCondition Condition { get; private set; } = NetworkCondition.Good;

    /// <summary>The links of a safe in the server's namespace: to the gateway, and of the proxy's way outside while there is one.</summary>
    public static (string Uplink, string World) ServerLinks(SafeAddresses addresses) => (PublicPort.LinkOf(addresses), WorldLink.LinkOf(addresses));

    /// <summary>
    /// Looks whether rules, links and forwarding in the server's namespace are as they were made, and makes anew what is not. While rules
    /// are missing nothing is forwarded for the safe: that is switched off first, and on again after they are back.
    /// </summary>
    public async Task<NetworkCondition> LookAfterAsync()
    {
        await ruling.WaitAsync().ConfigureAwait(false);
        var missing = Missing.None;
        Exception? failure = null;
        IReadOnlyList<Obstacle> obstacles = Condition.Obstacles;
        try
        {
            missing = await MendAsync().ConfigureAwait(false);
            obstacles = await Obstacle.FindAsync(plan.ServerNamespacePin).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Text.Json.JsonException)
        {
            failure = e;
        }
        finally
        {
            ruling.Release();
        }

        return Condition = new NetworkCondition(missing, failure, obstacles);
    }

    private async Task<Missing> MendAsync()
    {
        var atPort = await publicPort.LookAsync().ConfigureAwait(false);
        if (atPort.HasFlag(Missing.Rules))
        {
            publicPort.Stop();
        }

        var atWorld = outside is null ? Missing.None : await WorldLink.LookAsync(plan, outsideRules).ConfigureAwait(false);
        if (atWorld.HasFlag(Missing.Rules))
        {
            WorldLink.Stop(plan);
        }

        if (atPort != Missing.None)
        {
            await publicPort.ConnectAsync().ConfigureAwait(false);
        }

        if (atWorld != Missing.None)
        {
            outsideRules = null;
            outsideRules = await WorldLink.EnsureAsync(plan, outside!).ConfigureAwait(false);
        }

        return atPort | atWorld;
    }
}
