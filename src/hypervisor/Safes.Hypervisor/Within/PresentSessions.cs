using System.Collections.Concurrent;
using Safes.Hypervisor.Sessions;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Within;

/// <summary>The sessions that hold the safe, as safed says: who they are, and when one ends. What is under way for one ends with it.</summary>
public sealed class PresentSessions
{
    private readonly ConcurrentDictionary<SessionId, LiveSession> sessions = new();

    public IReadOnlyCollection<LiveSession> All => [.. sessions.Values];

    public LiveSession? Find(SessionId id) => sessions.GetValueOrDefault(id);

    public void Add(LiveSession session) => sessions[session.Id] = session;

    public void End(SessionId id, SessionEnd why)
    {
        if (sessions.TryRemove(id, out var session))
        {
            session.End(why);
        }
    }
}
