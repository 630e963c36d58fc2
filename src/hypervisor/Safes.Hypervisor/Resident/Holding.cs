using Safes.Linux;

namespace Safes.Hypervisor.Resident;

/// <summary>The processes that the guardian has to be able to end: hosts' and the inside's. A guardian that comes later is told of all of them.</summary>
public sealed class Holding
{
    private readonly Lock gate = new();
    private readonly List<PidFd> held = [];

    /// <summary>Tells the guardian, where one guards.</summary>
    public Func<IReadOnlyList<PidFd>, Task> Tell { get; set; } = _ => Task.CompletedTask;

    public void Add(PidFd process)
    {
        if (PidFd.Open(process.Pid) is { } ours)
        {
            lock (gate)
            {
                held.Add(ours);
            }
        }
    }

    /// <summary>All that live still, and these.</summary>
    public Task HoldAsync(IReadOnlyList<PidFd> more)
    {
        PidFd[] all;
        lock (gate)
        {
            foreach (var process in more.Where(p => held.All(h => h.Pid != p.Pid)))
            {
                if (PidFd.Open(process.Pid) is { } ours)
                {
                    held.Add(ours);
                }
            }

            foreach (var ended in held.Where(h => h.WaitForEnd(TimeSpan.Zero)).ToArray())
            {
                held.Remove(ended);
                ended.Dispose();
            }

            all = [.. held];
        }

        return all.Length == 0 ? Task.CompletedTask : Tell(all);
    }

    public void Clear()
    {
        lock (gate)
        {
            held.ForEach(h => h.Dispose());
            held.Clear();
        }
    }
}
