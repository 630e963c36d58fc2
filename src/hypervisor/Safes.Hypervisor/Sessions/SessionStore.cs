using Safes.Lifecycle;
using Safes.Volumes;

namespace Safes.Hypervisor.Sessions;

/// <summary>Where sessions outlive a crash of safed: with the volume, so only as long as it is open.</summary>
public interface ISessionStore
{
    IReadOnlyList<SessionRecord> Load();

    void Save(SessionRecord record);

    void Forget(SessionId session);

    void ForgetAll();
}

/// <summary>sessions/ID on the volume.</summary>
public sealed class SessionStore(VolumeDirectory root) : ISessionStore
{
    private const string Directory = "sessions";

    public IReadOnlyList<SessionRecord> Load() =>
        [.. root.List(Directory).Where(e => e.Kind == EntryKind.File && Guid.TryParseExact(e.Name, "N", out _))
            .Select(e => root.ReadFile($"{Directory}/{e.Name}", 4096) is { } bytes ? SessionRecord.Parse(bytes) : null)
            .OfType<SessionRecord>()];

    public void Save(SessionRecord record) => root.WriteFile($"{Directory}/{record.Session}", record.Write());

    public void Forget(SessionId session) => root.RemoveFile($"{Directory}/{session.Value:N}");

    public void ForgetAll()
    {
        foreach (var entry in root.List(Directory).Where(e => e.Kind == EntryKind.File))
        {
            root.RemoveFile($"{Directory}/{entry.Name}");
        }
    }
}
