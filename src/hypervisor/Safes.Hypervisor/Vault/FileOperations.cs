using Safes.Contracts;
using Safes.Keys;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>
/// The few operations on files that the vault is made of, so that a test can stop the world between any two of them. Names are
/// durable after <see cref="SyncDirectory"/> only, content after <see cref="WriteNew"/>.
/// </summary>
internal interface IFileOperations
{
    /// <summary>Null when there is none.</summary>
    /// <exception cref="MalformedException">Longer than <paramref name="most"/>.</exception>
    byte[]? Read(string path, int most);

    /// <summary>Null when there is none.</summary>
    /// <exception cref="MalformedException">Not of this length.</exception>
    SecretBuffer? ReadSecret(string path, int length);

    /// <summary>Creates or replaces, mode 0600, and syncs.</summary>
    void WriteNew(string path, ReadOnlySpan<byte> content);

    void Rename(string from, string to);

    /// <summary>Nothing happens when there is none.</summary>
    void Delete(string path);

    /// <summary>Overwrites with zeros, syncs, deletes. What flash keeps of it is not ours to say.</summary>
    void Erase(string path);

    void SyncDirectory(string path);

    /// <summary>Mode 0700. Nothing happens when it is there.</summary>
    void MakeDirectory(string path);

    /// <summary>The names in a directory.</summary>
    IReadOnlyList<string> List(string path);
}

/// <inheritdoc cref="IFileOperations"/>
internal sealed class FileOperations : IFileOperations
{
    public byte[]? Read(string path, int most)
    {
        try
        {
            using var file = Fcntl.Open(path, Fcntl.ReadOnly | Fcntl.NoFollow);
            long length = RandomAccess.GetLength(file);
            if (length > most)
            {
                throw new MalformedException(Flaw.Damaged, Path.GetFileName(path));
            }

            byte[] bytes = new byte[length];
            ReadAll(file, bytes, path);
            return bytes;
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            return null;
        }
    }

    public SecretBuffer? ReadSecret(string path, int length)
    {
        try
        {
            using var file = Fcntl.Open(path, Fcntl.ReadOnly | Fcntl.NoFollow);
            if (RandomAccess.GetLength(file) != length)
            {
                throw new MalformedException(Flaw.Damaged, Path.GetFileName(path));
            }

            var secret = SecretBuffer.Allocate(length);
            using var lease = secret.Borrow();
            ReadAll(file, lease.Span, path);
            return secret;
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            return null;
        }
    }

    public void WriteNew(string path, ReadOnlySpan<byte> content)
    {
        using var file = OpenToWrite(path, Fcntl.WriteOnly | Fcntl.Create | Fcntl.Truncate | Fcntl.NoFollow);
        Unistd.Write(file, content);
        Fcntl.Sync(file, path);
    }

    public void Rename(string from, string to) => Writing(to, () => File.Move(from, to, overwrite: true));

    public void Delete(string path) => Writing(path, () => File.Delete(path));

    public void Erase(string path)
    {
        try
        {
            using var file = OpenToWrite(path, Fcntl.WriteOnly | Fcntl.NoFollow);
            Unistd.Write(file, new byte[RandomAccess.GetLength(file)]);
            Fcntl.Sync(file, path);
        }
        catch (LinuxException e) when (e.Number == Errno.NoEntry)
        {
            return;
        }

        File.Delete(path);
    }

    public void SyncDirectory(string path) => Fcntl.SyncDirectory(path);

    public void MakeDirectory(string path) =>
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    public IReadOnlyList<string> List(string path) => Directory.Exists(path) ? [.. Directory.GetFileSystemEntries(path).Select(p => Path.GetFileName(p))] : [];

    private static Microsoft.Win32.SafeHandles.SafeFileHandle OpenToWrite(string path, int flags)
    {
        try
        {
            return Fcntl.Open(path, flags, 0x180);
        }
        catch (LinuxException e) when (e.Number == Errno.ReadOnly)
        {
            throw new FaultException(FaultCodes.StateReadOnly, ("path", path));
        }
    }

    private static void Writing(string path, Action write)
    {
        try
        {
            write();
        }
        catch (IOException e) when (e.HResult == Errno.ReadOnly)
        {
            throw new FaultException(FaultCodes.StateReadOnly, ("path", path));
        }
    }

    private static void ReadAll(Microsoft.Win32.SafeHandles.SafeFileHandle file, Span<byte> to, string path)
    {
        while (!to.IsEmpty)
        {
            int n = Unistd.Read(file, to);
            if (n == 0)
            {
                throw new MalformedException(Flaw.Damaged, Path.GetFileName(path));
            }

            to = to[n..];
        }
    }
}

/// <summary>Combinations that are durable as a whole.</summary>
internal static class Durably
{
    /// <summary>Afterwards, and after a crash at any point, there is the old content or the new.</summary>
    public static void Replace(this IFileOperations files, string path, ReadOnlySpan<byte> content)
    {
        files.WriteNew(path + ".new", content);
        files.Rename(path + ".new", path);
        files.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    public static void Replace(this IFileOperations files, string path, SecretBuffer content)
    {
        using var lease = content.Borrow();
        files.Replace(path, lease.Span);
    }

    public static void Remove(this IFileOperations files, string path)
    {
        files.Delete(path);
        files.SyncDirectory(Path.GetDirectoryName(path)!);
    }
}
