using Google.Protobuf;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Hypervisor.Transfers;

/// <summary>What lies at a path, in messages of a bounded size: a directory before what is in it. Reads on only as fast as it is taken away.</summary>
internal sealed class FileListing(FileTree files, FilePath path, bool all) : IDisposable
{
    private const int MostBytes = 16 << 10;

    private readonly Stack<(SafeFileHandle Directory, Dirent Names, FilePath Path)> open = new();
    private bool begun;

    /// <summary>The next entries; empty at the end. Blocks.</summary>
    /// <exception cref="OperationCanceledException">Stopped, between two entries.</exception>
    public FilesFound Next(CancellationToken stop)
    {
        var found = new FilesFound();
        if (!begun)
        {
            begun = true;
            var status = files.Find(path) ?? throw FileTree.Refused(Contracts.FaultCodes.FileUnknown, path);
            found.Files.Add(Describe(path, status));
            if (all && status.IsDirectory)
            {
                var directory = files.OpenDirectory(path);
                open.Push((directory, new Dirent(directory), path));
            }
        }

        for (int bytes = 0; bytes < MostBytes && open.TryPeek(out var at);)
        {
            stop.ThrowIfCancellationRequested();
            if (at.Names.Next() is not { } name)
            {
                Close(open.Pop());
                continue;
            }

            if (Stat.Find(at.Directory, name) is not { } status)
            {
                continue;    // gone meanwhile
            }

            var below = at.Path.Below(name.Bytes);
            found.Files.Add(Describe(below, status));
            bytes += below.Bytes.Length + 16;
            if (status.IsDirectory)
            {
                var directory = FileTree.OpenDirectory(at.Directory, name, below);
                open.Push((directory, new Dirent(directory), below));
            }
        }

        return found;
    }

    public void Dispose()
    {
        while (open.TryPop(out var at))
        {
            Close(at);
        }
    }

    private static void Close((SafeFileHandle Directory, Dirent Names, FilePath Path) at)
    {
        at.Names.Dispose();
        at.Directory.Dispose();
    }

    private static FileFound Describe(FilePath path, FileStatus status) => new()
    {
        Path = ByteString.CopyFrom(path.Bytes),
        Kind = status.IsRegular ? FileKind.File : status.IsDirectory ? FileKind.Directory : FileKind.FileOther,
        Length = status.IsRegular ? (ulong)status.Length : 0,
    };
}
