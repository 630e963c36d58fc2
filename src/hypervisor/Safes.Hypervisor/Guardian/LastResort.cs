using Safes.Linux;

namespace Safes.Hypervisor.Guardian;

/// <summary>
/// Reboots the server at a moment, whatever the rest of the guardian waits for then. Its thread and what it needs of the kernel are there before
/// they are wanted.
/// </summary>
internal sealed class LastResort
{
    private const int Stack = 128 * 1024;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TimeSpan moment;
    private volatile bool calledOff;

    internal LastResort() => new Thread(Wait, Stack) { IsBackground = true, Name = "last resort" }.Start();

    /// <summary>To be called once.</summary>
    internal void RebootAt(TimeSpan when)
    {
        moment = when;
        wanted.SetResult();
    }

    internal void CallOff() => calledOff = true;

    private void Wait()
    {
        using var trigger = Machine.OpenRebootTrigger();
        wanted.Task.Wait();
        while (BootClock.LeftUntil(moment) is var left && left > TimeSpan.Zero)
        {
            Thread.Sleep(left < Tick ? left : Tick);    // whose clock stands still while the machine sleeps
        }

        if (calledOff)
        {
            return;
        }

        GuardianProcess.Log("rebooting: it cannot be closed in time");
        try
        {
            Machine.Reboot(trigger);
        }
        catch (LinuxException e)
        {
            GuardianProcess.Log($"not rebooted: {e.Message}");
        }
    }
}
