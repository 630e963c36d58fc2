using Safes.Network;

namespace Safes.Tests;

/// <summary>An empty network namespace that is pinned where a safe has its own, for as long as a test needs it.</summary>
internal sealed class EmptyNetwork(string pin) : IAsyncDisposable
{
    public static async Task<EmptyNetwork> PinAsync(string pin)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(pin)!);
        await NetworkNamespace.EnsureAsync(pin);
        return new EmptyNetwork(pin);
    }

    public async ValueTask DisposeAsync() => await NetworkNamespace.RemoveAsync(pin);
}
