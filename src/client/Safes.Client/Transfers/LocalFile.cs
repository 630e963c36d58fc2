using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>A file or directory of this device, and where it goes below the team's directory.</summary>
internal sealed record LocalFile(FileTree Tree, FilePath Source, FilePath Target, bool IsDirectory, long Length)
{
    /// <exception cref="FaultException">file-unknown, file-kind, file-denied, file-failed.</exception>
    public (SafeFileHandle File, FileStatus Status) Open()
    {
        var file = LocalFailure.Told(Source, () => Tree.OpenFile(Source));
        try
        {
            return (file, LocalFailure.Told(Source, () => Stat.Of(file)));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}

/// <summary>What a person named on this device, walked in constant memory; what is never sent is told to the outcome.</summary>
internal sealed class LocalFiles(IReadOnlyList<(string Path, FilePath Target)> named)
{
    /// <summary>The last name of a path as a person gave it, with or without a slash behind.</summary>
    public static string NameOf(string path) => Path.GetFileName(Full(path));

    /// <exception cref="FaultException">file-unknown, file-kind: of a path that was named.</exception>
    public IEnumerable<LocalFile> Walk(TransferOutcome? outcome)
    {
        foreach (var (path, target) in named)
        {
            string full = Followed(path), above = Path.GetDirectoryName(full) ?? "/";
            var tree = new FileTree(() => Fcntl.Open(above, Fcntl.ReadOnly | Fcntl.Directory));
            var source = full == "/" ? FilePath.Root : FilePath.Parse(Path.GetFileName(full));
            foreach (var found in Walk(tree, source, target, path, outcome))
            {
                yield return found;
            }
        }
    }

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    /// <summary>Where a path leads. A link that is named is followed, as cp and scp do; those that are found below are not.</summary>
    private static string Followed(string path)
    {
        string full = Full(path);
        if (new FileInfo(full).LinkTarget is null)
        {
            return full;
        }

        try
        {
            return Full(File.ResolveLinkTarget(full, returnFinalTarget: true)!.FullName);
        }
        catch (IOException e)
        {
            throw new FaultException(FaultCodes.FileKind, ("file", path), ("why", $"a link that leads nowhere: {e.Message}"), ("where", "device"));
        }
    }

    private static IEnumerable<LocalFile> Walk(FileTree tree, FilePath source, FilePath target, string name, TransferOutcome? outcome)
    {
        if (FindNamed(tree, source, name) is not { } status)
        {
            throw new FaultException(FaultCodes.FileUnknown, ("file", name), ("where", "device"));
        }

        if (!status.IsDirectory && (!status.IsRegular || name.EndsWith('/')))
        {
            throw new FaultException(FaultCodes.FileKind, ("file", name), ("why", status.IsRegular ? "a file, and no directory as its slash says" : "neither a file nor a directory"), ("where", "device"));
        }

        if (!status.IsDirectory)
        {
            yield return new LocalFile(tree, source, target, IsDirectory: false, status.Length);
            yield break;
        }

        yield return new LocalFile(tree, source, target, IsDirectory: true, 0);
        var open = new Stack<(Dirent Names, FilePath Source, FilePath Target)>();
        try
        {
            if (TryOpen(tree, source, outcome) is { } first)
            {
                open.Push((first, source, target));
            }

            while (open.TryPeek(out var at))
            {
                if (NextName(at.Names, at.Source, outcome) is not { } entry)
                {
                    open.Pop().Names.Dispose();
                    continue;
                }

                if (TryDescribe(tree, at.Source, at.Target, entry, outcome) is not { } found)
                {
                    continue;
                }

                yield return found;
                if (found.IsDirectory && TryOpen(tree, found.Source, outcome) is { } names)
                {
                    open.Push((names, found.Source, found.Target));
                }
            }
        }
        finally
        {
            foreach (var (names, _, _) in open)
            {
                names.Dispose();
            }
        }
    }

    private static FileStatus? FindNamed(FileTree tree, FilePath source, string name)
    {
        try
        {
            return tree.Find(source);
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.NotDirectory)
        {
            return null;
        }
        catch (LinuxException e) when (e.Number is Errno.Access or Errno.NotPermitted)
        {
            throw new FaultException(FaultCodes.FileDenied, ("file", name), ("where", "device"));
        }
    }

    /// <summary>Null at the end, and where a directory cannot be read on.</summary>
    private static RawPath? NextName(Dirent names, FilePath directory, TransferOutcome? outcome)
    {
        try
        {
            return LocalFailure.Told(directory, names.Next);
        }
        catch (FaultException e)
        {
            outcome?.Fail(directory.ToString(), e);
            return null;
        }
    }

    private static LocalFile? TryDescribe(FileTree tree, FilePath source, FilePath target, RawPath name, TransferOutcome? outcome)
    {
        try
        {
            var below = source.Below(name.Bytes);
            return LocalFailure.Told(below, () => tree.Find(below)) is { } status ? Describe(tree, below, target.Below(name.Bytes), status, outcome) : null;
        }
        catch (FaultException e)
        {
            outcome?.Fail($"{source}/{name}", e);
            return null;
        }
    }

    private static LocalFile? Describe(FileTree tree, FilePath source, FilePath target, FileStatus status, TransferOutcome? outcome)
    {
        if (status.IsRegular || status.IsDirectory)
        {
            return new LocalFile(tree, source, target, status.IsDirectory, status.IsRegular ? status.Length : 0);
        }

        outcome?.Skip(source.ToString(), "neither a file nor a directory");
        return null;
    }

    private static Dirent? TryOpen(FileTree tree, FilePath path, TransferOutcome? outcome)
    {
        try
        {
            return LocalFailure.Told(path, () =>
            {
                using var directory = tree.OpenDirectory(path);
                return new Dirent(directory);
            });
        }
        catch (FaultException e)
        {
            outcome?.Fail(path.ToString(), e);
            return null;
        }
    }
}
