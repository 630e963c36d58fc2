using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Transfer;

/// <summary>Small files that are there whole or not at all, whatever happens.</summary>
public static class DurableFile
{
    private const int Most = 1 << 20;

    public static void Write(SafeFileHandle directory, string name, ReadOnlySpan<byte> content)
    {
        RawPath fresh = RawPath.Of($".{name}.new"), final = RawPath.Of(name);
        Unistd.Unlink(directory, fresh);
        using (var file = Fcntl.OpenBeneath(directory, fresh, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Exclusive | Fcntl.NoFollow, 0x180))
        {
            Unistd.Write(file, content);
            Fcntl.Sync(file);
        }

        Stdio.TryRename(directory, fresh, directory, final, replace: true);
        Fcntl.Sync(directory);
    }

    /// <summary>Null when there is none.</summary>
    public static byte[]? Read(SafeFileHandle directory, string name)
    {
        if (Stat.Find(directory, RawPath.Of(name)) is null)
        {
            return null;
        }

        using var file = FileTree.OpenFile(directory, RawPath.Of(name), FilePath.Parse(name));
        long length = Stat.Of(file).Length;
        byte[] content = new byte[length <= Most ? length : throw new IOException($"{name}: {length} bytes")];
        for (int at = 0, n; at < content.Length;)
        {
            n = RandomAccess.Read(file, content.AsSpan(at), at);
            at += n > 0 ? n : throw new IOException($"{name} became shorter");
        }

        return content;
    }
}
