using System.Runtime.CompilerServices;
using Safes.Contracts;

namespace Safes.Hypervisor.Hosts;

// What hosts say on their consoles.
public sealed partial class HostFleet
{
    private static readonly TimeSpan FollowPause = TimeSpan.FromMilliseconds(200);

    /// <summary>The end of a host's console, and with <paramref name="follow"/> what comes then. Untrusted bytes.</summary>
    /// <exception cref="FaultException">HostUnknown.</exception>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadConsoleAsync(
        string name, int lastBytes, bool follow, [EnumeratorCancellation] CancellationToken stop)
    {
        var host = Find(name);
        string file = $"hosts/{host.Definition.Name}/console";
        long at = Math.Max(0, (Options.Volume.Stat(file)?.Length ?? 0) - lastBytes);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, closing.Token);
        byte[] buffer = new byte[16384];
        while (!both.IsCancellationRequested)
        {
            int n = 0;
            if (Options.Volume.Exists(file))
            {
                using var console = Options.Volume.OpenFile(file);
                n = RandomAccess.Read(console, buffer, at);
            }

            if (n > 0)
            {
                at += n;
                yield return buffer.AsMemory(0, n).ToArray();
            }
            else if (!follow)
            {
                yield break;
            }
            else
            {
                // Watching the file would keep the volume busy, so it is looked at from time to time.
                await Task.Delay(FollowPause, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }
}
