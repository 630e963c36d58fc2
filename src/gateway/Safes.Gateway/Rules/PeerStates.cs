using System.Globalization;
using Safes.Contracts.V1;

namespace Safes.Gateway.Rules;

/// <summary>Reads what `wg show wg0 dump` prints: a line of the interface, then one of eight columns for each peer.</summary>
internal static class PeerStates
{
    public static IEnumerable<PeerState> Parse(string dump)
    {
        foreach (string line in dump.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            if (line.Split('\t') is [_, _, _, var allowed, var handshake, var received, var sent, ..] &&
                long.TryParse(handshake, NumberStyles.None, CultureInfo.InvariantCulture, out long last) &&
                ulong.TryParse(received, NumberStyles.None, CultureInfo.InvariantCulture, out ulong rx) &&
                ulong.TryParse(sent, NumberStyles.None, CultureInfo.InvariantCulture, out ulong tx))
            {
                yield return new PeerState { Address = allowed.Split('/')[0], LastHandshakeUnix = last, Received = rx, Sent = tx };
            }
        }
    }
}
