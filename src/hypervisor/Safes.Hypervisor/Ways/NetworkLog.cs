using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Daemon;
using Safes.Network;

namespace Safes.Hypervisor.Ways;

/// <summary>Logs what is mended in the server's firewall, and what is in the way there when that has changed.</summary>
internal sealed class NetworkLog(SafeAddresses addresses, ILogger log)
{
    private string said = "";

    public void Tell(NetworkCondition condition)
    {
        if (condition is { Failure: null, Mended: not Missing.None })
        {
            log.Trouble(null, $"made anew in the server's network: {NetworkWords.What(condition.Mended)}");
        }

        var fact = NetworkWords.Fact(condition, addresses);
        if (!fact.Safe && fact.Value != said)
        {
            log.Trouble(condition.Failure, fact.Value);
        }

        said = fact.Safe ? "" : fact.Value;
    }
}
