using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Hypervisor.Tests.Vaults;

/// <summary>The power went. Everything after it fails too.</summary>
internal sealed class PowerCutException : IOException;

/// <summary>
/// A file system in memory that can lose power before any operation, and then keeps of the names that were not synced as many as
/// chance decides, in their order or not.
/// </summary>
internal sealed class MemoryFiles : IFileOperations
{
    private readonly Dictionary<string, byte[]> now = [];
    private readonly Dictionary<string, byte[]> durable = [];
    private readonly List<(string Path, byte[]? Content)> pending = [];

    private MemoryFiles(Dictionary<string, byte[]> durable)
    {
        foreach (var (path, content) in durable)
        {
            (now[path], this.durable[path]) = (content, content);
        }
    }

    public MemoryFiles()
        : this([])
    {
    }

    /// <summary>How many operations go through before the power goes; null: all.</summary>
    public int? Budget { get; set; }

    /// <summary>How many operations that change something have gone through.</summary>
    public int Done { get; private set; }

    public List<string> Log { get; } = [];

    public IReadOnlyDictionary<string, byte[]> Content => now;

    /// <summary>What is there after a power cut: each unsynced change of a name is kept or lost as <paramref name="keep"/> says.</summary>
    public MemoryFiles AfterPowerCut(Func<int, bool> keep)
    {
        var left = new Dictionary<string, byte[]>(durable);
        for (int i = 0; i < pending.Count; i++)
        {
            if (keep(i))
            {
                Apply(left, pending[i].Path, pending[i].Content);
            }
        }

        return new MemoryFiles(left);
    }

    public MemoryFiles Copy() => new(now);

    public void Put(string path, byte[] content) => now[path] = durable[path] = content;

    public void Remove(string path)
    {
        now.Remove(path);
        durable.Remove(path);
    }

    public byte[]? Read(string path, int most) => !now.TryGetValue(path, out byte[]? bytes) ? null
        : bytes.Length <= most ? [.. bytes] : throw new MalformedException(Flaw.Damaged, path);

    public SecretBuffer? ReadSecret(string path, int length) => Read(path, length) is not { } bytes ? null
        : bytes.Length == length ? SecretBuffer.Take(bytes) : throw new MalformedException(Flaw.Damaged, path);

    public void WriteNew(string path, ReadOnlySpan<byte> content)
    {
        // Half of the content lands when the power goes in the middle.
        if (Budget <= Done)
        {
            now[path] = content[..(content.Length / 2)].ToArray();
            pending.Add((path, now[path]));
        }

        Step($"write {Path.GetFileName(path)}");
        Set(path, content.ToArray());
    }

    public void Rename(string from, string to)
    {
        Step($"rename {Path.GetFileName(to)}");
        byte[] content = now[from];
        now.Remove(from);
        now[to] = content;
        pending.Add((to, content));
        pending.Add((from, null));
    }

    public void Delete(string path)
    {
        if (now.ContainsKey(path))
        {
            Step($"delete {Path.GetFileName(path)}");
            Set(path, null);
        }
    }

    public void Erase(string path)
    {
        if (now.TryGetValue(path, out byte[]? content))
        {
            // The zeros are synced before the name goes.
            Step($"overwrite {Path.GetFileName(path)}");
            now[path] = durable[path] = new byte[content.Length];
            Step($"erase {Path.GetFileName(path)}");
            Set(path, null);
        }
    }

    public void SyncDirectory(string path)
    {
        Step($"sync {Path.GetFileName(path)}");
        foreach (var (changed, content) in pending.Where(p => Path.GetDirectoryName(p.Path) == path).ToArray())
        {
            Apply(durable, changed, content);
        }

        pending.RemoveAll(p => Path.GetDirectoryName(p.Path) == path);
    }

    public void MakeDirectory(string path)
    {
    }

    public IReadOnlyList<string> List(string path) => [.. now.Keys.Where(k => Path.GetDirectoryName(k) == path).Select(k => Path.GetFileName(k)!)];

    private void Set(string path, byte[]? content)
    {
        Apply(now, path, content);
        pending.Add((path, content));
    }

    private static void Apply(Dictionary<string, byte[]> files, string path, byte[]? content)
    {
        if (content is null)
        {
            files.Remove(path);
        }
        else
        {
            files[path] = content;
        }
    }

    private void Step(string what)
    {
        if (Budget <= Done)
        {
            throw new PowerCutException();
        }

        Done++;
        Log.Add(what);
    }
}
