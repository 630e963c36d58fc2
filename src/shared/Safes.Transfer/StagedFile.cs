using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Transfer;

/// <summary>
/// A file on its way, under a name that nobody takes for a file, and beside it the digest of each block that is right. Whoever comes later
/// reads both again and goes on behind the last block that still has its digest, whatever became of the rest. Every call may block.
/// </summary>
public sealed class StagedFile : IDisposable
{
    private const int DigestLength = 32, BlocksPerWriteBack = 8;
    private const uint Private = 0x180;

    private readonly SafeFileHandle directory, data;
    private readonly RawPath dataName, checksName;
    private readonly FilePath path;
    private readonly long length;
    private SafeFileHandle? checks;
    private bool placed;

    private StagedFile(SafeFileHandle directory, SafeFileHandle data, RawPath dataName, RawPath checksName, FilePath path, long length, BlockAssembly arriving)
    {
        (this.directory, this.data, this.dataName, this.checksName, this.path, this.length) = (directory, data, dataName, checksName, path, length);
        Arriving = arriving;
    }

    /// <summary>How many blocks are there and right.</summary>
    public long Blocks { get; private set; }

    /// <summary>Takes the pieces that come next.</summary>
    public BlockAssembly Arriving { get; private set; }

    /// <summary>SHA-256 of the blocks that are there.</summary>
    public byte[] Digest => Arriving.Digest;

    /// <summary>What it takes of the file system now.</summary>
    public long AllocatedBytes => Stat.Of(data).AllocatedBytes;

    public bool IsWhole => Blocks == Block.Count(length);

    /// <summary>Begins, or goes on with what is there of the same file.</summary>
    /// <param name="directory">Where; from now on this one closes it.</param>
    /// <param name="name">Of the two entries: NAME.part and NAME.checks.</param>
    /// <param name="identity">32 bytes that tell this content from another's (path, length, time): with others it begins anew.</param>
    /// <exception cref="FaultException">transfers-busy: somebody else is at it; file-kind: no file can be that long there.</exception>
    public static StagedFile Open(SafeFileHandle directory, string name, ReadOnlySpan<byte> identity, FilePath path, long length, CancellationToken stop)
    {
        RawPath dataName = RawPath.Of(name + ".part"), checksName = RawPath.Of(name + ".checks");
        SafeFileHandle? data = null;
        StagedFile? staged = null;
        try
        {
            data = OpenOwn(directory, dataName, path);
            if (!SysFile.TryLock(data))
            {
                throw FileTree.Refused(FaultCodes.TransfersBusy, path, "the same file is under way already");
            }

            staged = new StagedFile(directory, data, dataName, checksName, path, length, new BlockAssembly(path, length));
            staged.TakeUp(identity, stop);
            return staged;
        }
        catch
        {
            staged?.Arriving.Dispose();
            staged?.checks?.Dispose();
            data?.Dispose();
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Gives up what is there.</summary>
    /// <exception cref="FaultException">file-kind: no file can be that long there, holes or not.</exception>
    public void Restart()
    {
        Arriving.Dispose();
        Arriving = new BlockAssembly(path, length);
        Blocks = 0;
        RandomAccess.SetLength(data, 0);
        try
        {
            RandomAccess.SetLength(data, length);
        }
        catch (ArgumentOutOfRangeException)
        {
            Remove();
            throw FileTree.Refused(FaultCodes.FileKind, path, "larger than a file can be there");
        }

        if (checks is not null)
        {
            RandomAccess.SetLength(checks, DigestLength);
        }
    }

    /// <summary>Writes a block that came whole, then its digest.</summary>
    /// <exception cref="LinuxException">Among others that there is no room.</exception>
    public void Write(Block block)
    {
        long from = Blocks * Block.Size;
        foreach (var (start, count) in block.Data)
        {
            Unistd.WriteAt(data, block.Buffer.AsSpan(start, count), from + start);
        }

        if (checks is not null)
        {
            Unistd.WriteAt(checks, block.Check, DigestLength * (Blocks + 1));
        }

        Blocks++;
        if (Blocks % BlocksPerWriteBack == 0)
        {
            // So that little is left to be made durable at the end, and little memory is held by what waits for the disk.
            Fcntl.WriteBack(data, from - ((BlocksPerWriteBack - 1L) * Block.Size), BlocksPerWriteBack * (long)Block.Size);
        }
    }

    /// <summary>Gives the whole file its name, durably; false when there is something of that name that is not to be replaced.</summary>
    /// <param name="modified">Nanoseconds since 1970.</param>
    public bool Place(SafeFileHandle into, RawPath name, bool replace, uint mode, long modified, FileOwner? owner)
    {
        if (!IsWhole)
        {
            throw new InvalidOperationException("only whole files get a name");
        }

        owner?.Take(data);
        Stat.SetMode(data, mode);
        File.SetLastWriteTimeUtc(data, Moment(modified));
        Fcntl.Sync(data);
        placed = FileTree.Named(path, () => Stdio.TryRename(directory, dataName, into, name, replace));
        if (placed)
        {
            Unistd.Unlink(directory, checksName);
            Fcntl.Sync(into);
        }

        return placed;
    }

    /// <summary>Takes away what is there.</summary>
    public void Remove()
    {
        if (!placed)
        {
            Unistd.Unlink(directory, dataName);
        }

        Unistd.Unlink(directory, checksName);
    }

    public void Dispose()
    {
        Arriving.Dispose();
        checks?.Dispose();
        data.Dispose();
        directory.Dispose();
    }

    /// <summary>The time of a file as .NET has it, within what it can say.</summary>
    internal static DateTime Moment(long nanoseconds) => DateTime.UnixEpoch.AddTicks(Math.Clamp(nanoseconds / 100, -621355968000000000, 2534023007990000000));

    /// <summary>
    /// Its name can be known beforehand, and the directory may be one that others write to: what somebody else put there, or could read, goes, or
    /// where it may not be taken away the transfer does not begin.
    /// </summary>
    private static SafeFileHandle OpenOwn(SafeHandle directory, RawPath name, FilePath path)
    {
        const int flags = Fcntl.ReadWrite | Fcntl.NoFollow | Fcntl.NonBlock;
        if (Stat.Find(directory, name) is { } there)
        {
            if (!there.IsRegular)
            {
                throw new FaultException(FaultCodes.FileKind, ("file", name.ToString()), ("why", "not ours"));
            }

            var opened = Fcntl.OpenBeneath(directory, name, flags);
            if (IsOwn(Stat.Of(opened)))
            {
                return opened;
            }

            using (opened)
            {
                // One that has just become whole has its own mode and owner already, and is locked until it has its name.
                if (!SysFile.TryLock(opened))
                {
                    throw FileTree.Refused(FaultCodes.TransfersBusy, path, "the same file is under way already");
                }

                Unistd.Unlink(directory, name);
            }
        }

        try
        {
            return Fcntl.OpenBeneath(directory, name, flags | Fcntl.Create | Fcntl.Exclusive, Private);
        }
        catch (LinuxException e) when (e.Number == Errno.Exists)
        {
            throw FileTree.Refused(FaultCodes.TransfersBusy, path, "the same file is under way already");
        }
    }

    private static bool IsOwn(FileStatus file) => file is { IsRegular: true, Links: 1, Permissions: Private } && file.User == Unistd.EffectiveUser;

    private void TakeUp(ReadOnlySpan<byte> identity, CancellationToken stop)
    {
        if (length <= Block.Size)
        {
            Restart();    // one block is sooner sent again than looked at
            return;
        }

        checks = OpenOwn(directory, checksName, path);
        long noted = (RandomAccess.GetLength(checks) / DigestLength) - 1;
        Span<byte> digest = stackalloc byte[DigestLength];
        if (noted < 0 || RandomAccess.Read(checks, digest, 0) != DigestLength || !digest.SequenceEqual(identity) || RandomAccess.GetLength(data) != length)
        {
            RandomAccess.SetLength(checks, 0);
            Unistd.WriteAt(checks, identity, 0);
            Restart();
            return;
        }

        long right = 0;
        using (var reader = new BlockReader(data, path, length))
        {
            var block = new Block();
            while (right < Math.Min(noted, Block.Count(length)))
            {
                stop.ThrowIfCancellationRequested();
                reader.Read(block);
                if (RandomAccess.Read(checks, digest, DigestLength * (right + 1)) != DigestLength || !digest.SequenceEqual(block.Check))
                {
                    break;
                }

                Arriving.Follow(block);
                right++;
            }
        }

        // What lies behind is not known to be right, and holes are to be holes.
        RandomAccess.SetLength(data, Math.Min(right * Block.Size, length));
        RandomAccess.SetLength(data, length);
        RandomAccess.SetLength(checks, DigestLength * (right + 1));
        Blocks = right;
    }
}
