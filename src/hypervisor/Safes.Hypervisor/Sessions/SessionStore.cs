using Safes.Lifecycle;
using Safes.Volumes;

namespace Safes.Hypervisor.Sessions;

/// <summary>sessions/ID on the volume: where sessions outlive a crash of safed, so only as long as it is open.</summary>
public sealed class SessionStore(VolumeDirectory root)
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
