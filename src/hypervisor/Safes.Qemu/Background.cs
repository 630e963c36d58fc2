namespace Safes.Qemu;

/// <summary>Calls that block (writing back, syncing, copying) in threads of their own: the pool has as many threads as the machine has cores.</summary>
public static class Background
{
    public static Task<T> Run<T>(Func<T> work)
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
        { IsBackground = true }.Start();
        return done.Task;
    }

    public static Task Run(Action work) => Run(() =>
    {
        work();
        return 0;
    });
}
