namespace Safes.Volumes;

/// <summary>
/// Runs what may hang for ever (sync, umount, statfs on dead storage) in a thread of its own, which the caller leaves behind when the limit
/// passes. Nothing can end a thread that waits in the kernel; it ends when the storage comes back or the process dies.
/// </summary>
internal static class OwnThread
{
    /// <exception cref="VolumeException">Unreachable: the limit passed.</exception>
    internal static async Task<T> RunAsync<T>(string target, string step, TimeSpan limit, Func<T> work)
    {
        var done = Start(step, work);
        try
        {
            return await done.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new VolumeException(VolumeRefusal.Unreachable, target, step);
        }
    }

    internal static Task<T> Start<T>(string name, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(
            () =>
            {
                try
                {
                    done.SetResult(work());
                }
                catch (Exception e)
                {
                    done.SetException(e);
                }
            },
            256 * 1024)
        { IsBackground = true, Name = name }.Start();
        return done.Task;
    }
}
