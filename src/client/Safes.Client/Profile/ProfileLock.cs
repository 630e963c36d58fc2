using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Profile;

/// <summary>
/// A file below the profile whose lock one process has at a time, for as long as it lives or wants it. It is this user's own, and no link; whoever
/// waits for it waits with a limit.
/// </summary>
internal sealed class ProfileLock : IDisposable
{
    private const uint OwnerOnly = 0x180;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly PrivateDirectory directory;
    private readonly string name;

    private ProfileLock(PrivateDirectory directory, string name, SafeFileHandle file) => (this.directory, this.name, File) = (directory, name, file);

    public SafeFileHandle File { get; }

    /// <summary>Whether the file of that name is still the one that is locked: one that was taken away locks nobody out.</summary>
    public bool IsInPlace => directory.IsInPlace && Stat.Find(directory.Handle, name) is { } there && there.Inode == Stat.Of(File).Inode;

    /// <summary>Null when somebody else has it for as long as <paramref name="limit"/>.</summary>
    /// <exception cref="FaultException">unsafe-permissions.</exception>
    public static ProfileLock? Take(string home, string name, TimeSpan limit)
    {
        var directory = PrivateDirectory.Open(home);
        try
        {
            for (var end = BootClock.Now + limit; ; Thread.Sleep(Pause))
            {
                var taken = new ProfileLock(directory, name, Open(directory, name, Fcntl.Create));
                if (SysFile.TryLock(taken.File, name) && taken.IsInPlace)
                {
                    return taken;
                }

                taken.File.Dispose();
                if (BootClock.Now >= end)
                {
                    directory.Dispose();
                    return null;
                }
            }
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>What whoever has it wrote into it; null when nobody has it. Whoever only looks keeps nobody from looking.</summary>
    /// <exception cref="FaultException">unsafe-permissions.</exception>
    public static byte[]? ReadIfHeld(string home, string name)
    {
        try
        {
            using var directory = PrivateDirectory.Open(home);
            using var file = Open(directory, name, 0);
            if (SysFile.TryLock(file, name, shared: true))
            {
                return null;
            }

            byte[] content = new byte[Math.Min(RandomAccess.GetLength(file), 4096)];
            return content[..RandomAccess.Read(file, content, 0)];
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Says who has it.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        RandomAccess.SetLength(File, 0);
        RandomAccess.Write(File, content, 0);
    }

    public void Dispose()
    {
        File.Dispose();
        directory.Dispose();
    }

    private static SafeFileHandle Open(PrivateDirectory directory, string name, int flags) =>
        PrivateFile.Open(Path.Combine(directory.Path, name), Fcntl.ReadWrite | flags, OwnerOnly);
}
