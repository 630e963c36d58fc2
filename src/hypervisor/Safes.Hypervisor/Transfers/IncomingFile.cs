using System.Security.Cryptography;
using Google.Protobuf;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Hypervisor.Transfers;

/// <summary>One file that a device sends. Its calls come one after the other; what blocks is done in threads of their own.</summary>
internal sealed class IncomingFile : IDisposable
{
    private const uint File = 0x1b4, Program = 0x1fd, Directory = 0x5fd;    // 0664, 0775, 2775: the team writes what a member made

    // So that what all streams write between two looks is less than what is kept free.
    private const int BlocksBetweenLooks = 8;

    private static readonly TimeSpan BusyLimit = TimeSpan.FromSeconds(15), BusyPause = TimeSpan.FromMilliseconds(200);

    private readonly TransferRoom room;
    private readonly FileOwner? owner;
    private readonly PutFile told;
    private readonly FilePath path;
    private readonly string device;
    private StagedFile? staged;
    private byte[]? there;    // digest of a file of that name and length
    private int written;

    private IncomingFile(TransferRoom room, FileOwner? owner, string device, PutFile told, FilePath path) =>
        (this.room, this.owner, this.device, this.told, this.path) = (room, owner, device, told, path);

    private long Length => (long)told.Length;

    /// <summary>Makes a directory, or begins a file; null: there is nothing more to be sent for it.</summary>
    public static async Task<IncomingFile?> BeginAsync(TransferRoom room, FileOwner? owner, string device, PutFile told, CancellationToken stop)
    {
        var path = FilePath.Parse(told.Path.Span);
        if (told.Directory)
        {
            await Background.Run(() => room.Files.MakeDirectories(path, Directory, owner).Dispose(), "make directory").ConfigureAwait(false);
            return null;
        }

        if (told.Length > long.MaxValue / 2 || told.DataBytes > told.Length || path.IsRoot)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", "a file's length or path"));
        }

        var incoming = new IncomingFile(room, owner, device, told, path);
        try
        {
            await incoming.LookPatientlyAsync(stop).ConfigureAwait(false);
            return incoming;
        }
        catch
        {
            incoming.Dispose();
            throw;
        }
    }

    /// <summary>Whether what is there is the same as what a device has. Where nothing leaves unless it was approved, nobody says.</summary>
    public static async Task<PutDone> CompareAsync(TransferRoom room, PutFile told, CancellationToken stop)
    {
        var incoming = new IncomingFile(room, owner: null, "", told, FilePath.Parse(told.Path.Span));
        byte[]? there = room.IsFree ? await Background.Run(() => incoming.DigestOf(incoming.path, stop), "compare a file").ConfigureAwait(false) : null;
        return told.Same.Span.SequenceEqual(there) ? new PutDone { Sha256 = told.Same, Already = true } : new PutDone { Other = true };
    }

    /// <summary>What is there of it, for a device that asked.</summary>
    public PutHave Have => there is { } digest
        ? new PutHave { Blocks = (ulong)Block.Count(Length), Check = ByteString.CopyFrom(digest), Whole = true }
        : new PutHave { Blocks = (ulong)staged!.Blocks, Check = ByteString.CopyFrom(staged.Digest) };

    /// <summary>What is there is another file's.</summary>
    public async Task AgainAsync(CancellationToken stop)
    {
        if (there is null)
        {
            await Background.Run(staged!.Restart, "restart a file").ConfigureAwait(false);
            return;
        }

        if (!told.Replace)
        {
            throw Exists();
        }

        there = null;
        await StageAsync(stop).ConfigureAwait(false);
        await Background.Run(staged!.Restart, "restart a file").ConfigureAwait(false);
    }

    public async Task AddAsync(Piece piece)
    {
        if (staged is null)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", "a piece of a file that is there"));
        }

        if (staged.Arriving.Add(piece) is { } block)
        {
            if (++written % BlocksBetweenLooks == 0)
            {
                await NeedAsync(1).ConfigureAwait(false);    // what the device said of its size is its word, and others write meanwhile
            }

            await Background.Run(() => Roomy(() => staged.Write(block)), "write a block").ConfigureAwait(false);
        }
    }

    /// <summary>Gives it its name.</summary>
    public async Task<PutDone> EndAsync(bool drop, CancellationToken stop)
    {
        if (drop)
        {
            staged?.Remove();
            return new PutDone { Fault = new Contracts.V1.Fault { Code = FaultCodes.FileChanged.Code, Details = { ["file"] = path.ToString() } } };
        }

        if (there is { } same)
        {
            return new PutDone { Sha256 = ByteString.CopyFrom(same), Already = true };
        }

        if (!staged!.IsWhole)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", "the end of a file before its last block"));
        }

        byte[] digest = staged.Digest;
        bool placed = await Background.Run(() => Roomy(Place), "name a file").ConfigureAwait(false);
        if (!placed)
        {
            staged.Remove();
            if (!room.IsFree)
            {
                throw Exists();
            }

            byte[]? other = await Background.Run(() => DigestOf(path, stop), "compare a file").ConfigureAwait(false);
            if (!digest.AsSpan().SequenceEqual(other))
            {
                throw Exists();
            }
        }

        return new PutDone { Sha256 = ByteString.CopyFrom(digest), Already = !placed };
    }

    public void Dispose() => staged?.Dispose();

    /// <summary>What the same device sent before it was cut off may still be read: soon its file is free, or whole.</summary>
    private async Task LookPatientlyAsync(CancellationToken stop)
    {
        for (var end = BootClock.Now + BusyLimit; ; await Task.Delay(BusyPause, stop).ConfigureAwait(false))
        {
            try
            {
                await LookAsync(stop).ConfigureAwait(false);
                return;
            }
            catch (FaultException e) when (e.Code == FaultCodes.TransfersBusy && BootClock.Now < end)
            {
                // Looked at again.
            }
        }
    }

    private async Task LookAsync(CancellationToken stop)
    {
        if (await Background.Run(() => room.Files.Find(path), "find a file").ConfigureAwait(false) is { } found)
        {
            // Where nothing leaves unless it was approved, what is there is not even compared with what comes: digests of short files are their content.
            bool compares = room.IsFree;
            if (compares && found.IsRegular && found.Length == Length)
            {
                there = told.Ask ? await Background.Run(() => DigestOf(path, stop), "compare a file").ConfigureAwait(false) : null;
            }
            else if (!told.Replace || found.IsDirectory)
            {
                throw Exists(!compares || found.IsRegular ? "" : found.IsDirectory ? "a directory" : "neither a file nor a directory");
            }
        }

        if (there is null)
        {
            await StageAsync(stop).ConfigureAwait(false);
        }
    }

    private async Task StageAsync(CancellationToken stop)
    {
        byte[] identity = SHA256.HashData([.. path.Bytes, 0, .. BitConverter.GetBytes(told.Length), .. BitConverter.GetBytes(told.ModifiedUnixNs)]);
        string name = TransferRoom.StagedName(device, path);
        staged = await Background.Run(
            () => StagedFile.Open(room.OpenStaging(DateTimeOffset.UtcNow), name, identity, path, Length, stop), "take a file up").ConfigureAwait(false);
        await NeedAsync(Math.Max(0, (long)told.DataBytes - staged.AllocatedBytes)).ConfigureAwait(false);
    }

    private async Task NeedAsync(long bytes)
    {
        try
        {
            await room.NeedAsync(bytes).ConfigureAwait(false);
        }
        catch (FaultException)
        {
            staged!.Remove();
            throw;
        }
    }

    private bool Place()
    {
        using var parent = room.Files.MakeDirectories(path.Parent, Directory, owner);
        return staged!.Place(parent, path.Name, told.Replace, told.Executable ? Program : File, told.ModifiedUnixNs, owner);
    }

    private byte[]? DigestOf(FilePath of, CancellationToken stop)
    {
        try
        {
            using var file = room.Files.OpenFile(of);
            if (Stat.Of(file).Length != Length)
            {
                return null;
            }

            using var reader = new BlockReader(file, of, Length);
            reader.SkipTo(Block.Count(Length), stop);
            return reader.Digest;
        }
        catch (FaultException)
        {
            return null;    // gone or changed meanwhile: not the same
        }
    }

    private FaultException Exists(string why = "") => FileTree.Refused(FaultCodes.FileExists, path, why);

    /// <summary>A full volume is an outcome of its own, and what is there of the file makes room for others' work.</summary>
    private T Roomy<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (LinuxException e) when (e.Number is Errno.NoSpace or Errno.QuotaExceeded)
        {
            staged!.Remove();
            throw new FaultException(FaultCodes.ShareFull, ("file", path.ToString()), ("wanted", $"{told.DataBytes}"));
        }
    }

    private void Roomy(Action write) => Roomy(() =>
    {
        write();
        return true;
    });
}
