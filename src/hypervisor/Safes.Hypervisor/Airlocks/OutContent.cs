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
    private Dictionary<FilePath, (OutFile File, long FirstBlock)>? byPath;

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
        var seen = new HashSet<FilePath>();
        var block = new Block();
        foreach (var path in paths)
        {
            using var listing = new FileListing(files, path, all: true);
            while (listing.Next() is { Files.Count: > 0 } found)
            {
                foreach (var one in found.Files.Where(f => f.Kind != FileKind.Directory))
                {
                    if (one.Kind != FileKind.File)
                    {
                        entry.LeftOut++;
                        continue;
                    }

                    if (!seen.Add(FilePath.Parse(one.Path.Span)))
                    {
                        continue;
                    }

                    entry.Files++;
                    entry.Bytes += one.Length;
                    if (entry.Files > Airlock.MostFiles || entry.Bytes > Airlock.MostBytes)
                    {
                        throw new FaultException(FaultCodes.BadRequest, ("what", "a request of more than 10,000 files or a tebibyte; pack them (tar), or ask twice"));
                    }

                    var taken = Take(files, FilePath.Parse(one.Path.Span), one.Length, block, checks, stop);
                    taken.WriteDelimitedTo(list);
                    digest.AppendData(taken.ToByteArray());
                }
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
                byPath[FilePath.Parse(file.Path.Span)] = (file, block);
                block += Block.Count((long)file.Length);
            }
        }

        return byPath.TryGetValue(path, out var found) ? found : throw FileTree.Refused(FaultCodes.FileUnknown, path, $"request {Entry.Number} does not hold it");
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
            ? new OutFile { Path = ByteString.CopyFrom(path.Bytes), Length = length, Sha256 = ByteString.CopyFrom(reader.Digest), Type = type }
            : throw FileTree.Refused(FaultCodes.FileChanged, path, "it was written to meanwhile");
    }

    private static SafeFileHandle Create(SafeFileHandle into, string name) =>
        Fcntl.OpenBeneath(into, RawPath.Of(name), Fcntl.WriteOnly | Fcntl.Create | Fcntl.Exclusive | Fcntl.NoFollow, 0x180);
}
