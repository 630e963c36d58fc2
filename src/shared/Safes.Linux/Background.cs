namespace Safes.Linux;

/// <summary>
/// Calls that block (writing back, syncing, copying), or may hang for ever, in threads of their own: the pool has as many threads as the machine
/// has cores. Nothing can end a thread that waits in the kernel; who no longer wants to wait leaves it behind.
/// </summary>
public static class Background
{
    /// <param name="name">The thread's, for who looks at the process.</param>
    public static Task<T> Run<T>(Func<T> work, string? name = null)
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
        { IsBackground = true, Name = name }.UnsafeStart();
        return done.Task;
    }

    public static Task Run(Action work, string? name = null) => Run(
        () =>
        {
            work();
            return 0;
        },
        name);
}
