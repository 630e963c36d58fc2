using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// What is looked at while a host runs: how busy it is, and whether it can be suspended.
internal sealed partial class VirtualHost
{
    private volatile ProcessorUse? use;
    private bool hasRoom = true;
    private long forgottenAt;

    /// <summary>Processors that it keeps busy; 0 while it does not run.</summary>
    private double Load => use?.Average(BootClock.Now) ?? 0;

    /// <summary>Takes down how long processors have worked for it: its load is what was added since.</summary>
    public void LookAtLoad() => use?.Look(BootClock.Now);

    /// <summary>Makes the room that suspending it needs as large as that has become; when there is none, everybody sees that it is missing.</summary>
    public Task LookAtRoomAsync() => AloneAsync(async () =>
    {
        bool before = hasRoom;
        if (machine is not { } running || !admitted || State is not (HostState.Running or HostState.Degraded))
        {
            return;
        }

        if (await ReserveAsync().ConfigureAwait(false) != before)
        {
            Become(hasRoom);
        }

        await ForgetAsync(running).ConfigureAwait(false);
    });

    /// <summary>
    /// virtiofsd knows every file that the guest's kernel knows, in the server's memory: when that is much, and again when it has grown, the guest
    /// forgets what it does not use. virtiofsd gives no memory back, but uses anew what was freed.
    /// </summary>
    private async Task ForgetAsync(VirtualMachine running)
    {
        long held = running.ShareMemory;
        forgottenAt = Math.Min(forgottenAt, held);    // less than before: it is another process
        if (held >= options.ShareMemory && held >= forgottenAt + (options.ShareMemory / 4))
        {
            var agent = await running.AgentAsync(options.Limits.Agent).ConfigureAwait(false);
            // Pages, too: a file whose content is kept is kept itself.
            await agent.RunAsync("echo 3 >/proc/sys/vm/drop_caches", options.Limits.Agent).ConfigureAwait(false);
            forgottenAt = held;
        }
    }

    /// <summary>False: there is no room on the volume to suspend it.</summary>
    private async Task<bool> ReserveAsync()
    {
        try
        {
            await Background.Run(machine!.Reserve).ConfigureAwait(false);
            return hasRoom = true;
        }
        catch (LinuxException e) when (e.Number == Errno.NoSpace)
        {
            return hasRoom = false;
        }
    }

    private void Measure(VirtualMachine started)
    {
        int pid = started.Qemu.Pid;
        use = new ProcessorUse(() => ProcessTable.ProcessorTime(pid));
        use.Look(BootClock.Now);
    }
}
