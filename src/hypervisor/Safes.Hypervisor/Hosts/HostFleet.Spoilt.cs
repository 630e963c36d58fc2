using System.Collections.Concurrent;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// Directories below hosts/ whose host.json makes no sense. QEMU's user can write in its host's, so one that broke out can spoil it and run on.
public sealed partial class HostFleet
{
    private readonly ConcurrentDictionary<string, HostStatus> spoilt = new(StringComparer.Ordinal);

    /// <summary>Ends what runs of it. One without a definition was never a host and is taken away; any other is shown, and stays until it is removed.</summary>
    private async Task EndSpoiltAsync(string name)
    {
        string note = $"its {HostDefinition.FileName} makes no sense";
        try
        {
            await EndProcessesAsync(name).ConfigureAwait(false);
            if (!Directory.Exists($"{name}/{HostDefinition.FileName}"))
            {
                Directory.RemoveTree(name);
                return;
            }
        }
        catch (Exception e)
        {
            note += $"; {HostFaults.Note(HostFaults.From(e, name))}";    // whatever lies there, the others open
        }

        if (NumberOf(name) is { } number)
        {
            spoilt[name] = new HostStatus(name, HostState.Failed, 0, 0, 0, Options.Ports.Address(number), TimeSpan.Zero, note, "", 0);
        }
    }

    private async Task RemoveSpoiltAsync(string name)
    {
        using (await OneAtATimeAsync().ConfigureAwait(false))
        {
            if (spoilt.ContainsKey(name))
            {
                await EndProcessesAsync(name).ConfigureAwait(false);
                if (NumberOf(name) is { } number)
                {
                    await TakeAwayAsync(name, number).ConfigureAwait(false);
                }

                spoilt.TryRemove(name, out _);
            }
        }
    }

    private Task EndProcessesAsync(string name) => NumberOf(name) is { } number
        ? VirtualMachine.KillRecordedAsync(new HostPlaces(Directory.PathOf(name), Options.RunOf(number), "", ""), Options.Limits.Quit, Options.Rights(number))
        : Task.CompletedTask;    // nobody's: nothing of it was ever started

    /// <summary>Told by its owner, which QEMU's user cannot change.</summary>
    private int? NumberOf(string name) => Directory.Stat(name) is { } status ? Options.Users.NumberOf(status.User) : null;
}
