using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Transfers;
using Safes.Linux;
using Safes.Transfer;

namespace Safes.Hypervisor.Airlocks;

/// <summary>
/// The files of one request: their list, and for each block of each the SHA-256 of the file up to its end as it was when it was asked for.
/// </summary>
public sealed class OutContent : IDisposable
{
    private const int DigestLength = 32;

    private readonly SafeFileHandle directory, checks;
    private Dictionary<ByteString, (OutFile File, long FirstBlock)>? byPath;

    internal OutContent(SafeFileHandle directory, OutEntry entry)
    {
        (this.directory, Entry) = (directory, entry);
        checks = FileTree.OpenFile(directory, RawPath.Of("checks"), FilePath.Parse("checks"));
    }

    public OutEntry Entry { get; }

    /// <summary>Reads what there is below the paths, and writes down what it is.</summary>
    internal static void Take(SafeFileHandle into, FileTree files, IReadOnlyList<FilePath> paths, OutEntry entry, CancellationToken stop)
    {
        using var list = new FileStream(Create(into, "files"), FileAccess.Write);
        using var checks = new FileStream(Create(into, "checks"), FileAccess.Write);
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new Block();
        int looked = 0, pathBytes = 0;
        foreach (var path in paths)
        {
            try
            {
                foreach (var one in Below(files, path, stop))
                {
                    bool file = one.Kind == FileKind.File;
                    (entry.Files, entry.Bytes) = (entry.Files + (file ? 1U : 0), entry.Bytes + one.Length);
                    entry.LeftOut += one.Kind is FileKind.File or FileKind.Directory ? 0U : 1;
                    if (++looked > Airlock.MostEntries || entry.Files > Airlock.MostFiles || entry.Bytes > Airlock.MostBytes || (pathBytes += file ? one.Path.Length : 0) > Airlock.MostPathBytes)
                    {
                        throw new FaultException(FaultCodes.BadRequest, ("what", "a request of more than 10,000 files, a tebibyte or a mebibyte of names; pack them (tar), or ask twice"));
                    }

                    if (file)
                    {
                        var taken = Take(files, FilePath.Parse(one.Path.Span), one.Length, block, checks, stop);
                        taken.WriteDelimitedTo(list);
                        digest.AppendData(taken.ToByteArray());
                    }
                }
            }
            catch (LinuxException e) when (e.Number != Errno.NoSpace)
            {
                throw new IOException($"something in {path} could not be read (errno {e.Number})");    // its words have the name
            }
            catch (FaultException e) when (e.Details.ContainsKey("file"))
            {
                throw FileTree.Refused(e.Code, path, e.Details.GetValueOrDefault("why", ""));    // a name below it is nobody's to know yet
            }
        }

        entry.Digest = ByteString.CopyFrom(digest.GetHashAndReset());
        list.Flush(flushToDisk: true);
        checks.Flush(flushToDisk: true);
    }

    /// <summary>The list, read as it is taken.</summary>
    public IEnumerable<OutFile> Files()
    {
        using var list = new FileStream(FileTree.OpenFile(directory, RawPath.Of("files"), FilePath.Parse("files")), FileAccess.Read);
        while (list.Position < list.Length)
        {
            yield return OutFile.Parser.ParseDelimitedFrom(list);
        }
    }

    /// <exception cref="FaultException">file-unknown: it is not among what was asked for.</exception>
    public (OutFile File, long FirstBlock) Find(FilePath path)
    {
        if (byPath is null)
        {
            byPath = [];
            long block = 0;
            foreach (var file in Files())
            {
                byPath.TryAdd(file.Path, (file, block));
                block += Block.Count((long)file.Length);
            }
        }

        return byPath.TryGetValue(ByteString.CopyFrom(path.Bytes), out var found) ? found : throw FileTree.Refused(FaultCodes.FileUnknown, path, $"request {Entry.Number} does not hold it");
    }

    /// <summary>Lets a block through that is what was asked for.</summary>
    /// <param name="index">Among all blocks of the request.</param>
    /// <exception cref="FaultException">request-changed.</exception>
    public void Check(Block block, long index, FilePath path)
    {
        Span<byte> asked = stackalloc byte[DigestLength];
        if (RandomAccess.Read(checks, asked, index * DigestLength) != DigestLength || !asked.SequenceEqual(block.Check))
        {
            throw Changed(path);
        }
    }

    public FaultException Changed(FilePath path) => new(FaultCodes.RequestChanged, ("number", $"{Entry.Number}"), ("file", path.ToString()));

    public void Dispose()
    {
        checks.Dispose();
        directory.Dispose();
    }

    private static IEnumerable<FileFound> Below(FileTree files, FilePath path, CancellationToken stop)
    {
        using var listing = new FileListing(files, path, all: true);
        while (listing.Next(stop) is { Files.Count: > 0 } found)
        {
            foreach (var one in found.Files)
            {
                yield return one;
            }
        }
    }

    private static OutFile Take(FileTree files, FilePath path, ulong length, Block block, FileStream checks, CancellationToken stop)
    {
        using var file = files.OpenFile(path);
        var before = Stat.Of(file);
        using var reader = new BlockReader(file, path, before.Length);
        string type = before.Length == 0 ? "empty" : "";
        while (!reader.AtEnd)
        {
            stop.ThrowIfCancellationRequested();
            reader.Read(block);
            checks.Write(block.Check);
            type = type.Length > 0 ? type : TypeGuess.Of(block.Bytes);
        }

        var after = Stat.Of(file);
        return ((ulong)before.Length, after.Length, after.ModifiedNanoseconds) == (length, before.Length, before.ModifiedNanoseconds)
            ? new OutFile { Path = ByteString.CopyFrom(path.Bytes), Length = length, Sha256 = ByteString.CopyFrom(reader.Digest), Type = type, Executable = before.IsExecutable }
            : throw FileTree.Refused(FaultCodes.FileChanged, path, "it was written to meanwhile");
    }

    private static SafeFileHandle Create(SafeFileHandle into, string name) =>
        Fcntl.OpenBeneath(into, RawPath.Of(name), Fcntl.WriteOnly | Fcntl.Create | Fcntl.Exclusive | Fcntl.NoFollow, 0x180);
}
