using Safes.Linux;

namespace Safes.Volumes;

/// <summary>
/// Runs what may hang for ever (sync, umount, statfs on dead storage) in a thread of its own, which the caller leaves behind when the limit
/// passes. It ends when the storage comes back or the process dies.
/// </summary>
internal static class OwnThread
{
    /// <exception cref="VolumeException">Unreachable: the limit passed.</exception>
    internal static async Task<T> RunAsync<T>(string target, string step, TimeSpan limit, Func<T> work)
    {
        var done = Background.Run(work, step);
        try
        {
            return await done.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new VolumeException(VolumeRefusal.Unreachable, target, step);
        }
    }
}
