using Safes.Linux;

namespace Safes.Client.Profile;

/// <summary>Files that this process has written: it takes away those, and none that has its place by now because somebody else wrote it.</summary>
internal sealed class MadeFiles
{
    private readonly Dictionary<string, (DeviceNumber Device, ulong Inode)> made = new(StringComparer.Ordinal);

    public void Write(string path, string content)
    {
        PrivateFile.Write(path, content);
        Add(path);
    }

    /// <summary>One that a program of ours has just written.</summary>
    public void Add(string path)
    {
        if (Stat.Find(path) is { } status)
        {
            made[path] = status.Identity;
        }
    }

    /// <summary>False: it is another's by now.</summary>
    public bool Remove(string path)
    {
        if (!made.Remove(path, out var mine) || Stat.Find(path) is not { } there)
        {
            return true;
        }

        if (there.Identity != mine)
        {
            return false;
        }

        File.Delete(path);
        return true;
    }

    public void RemoveAll()
    {
        foreach (string path in made.Keys.ToArray())
        {
            Remove(path);
        }
    }
}
