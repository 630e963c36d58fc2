using System.Security.Cryptography;
using CsCheck;
using Google.Protobuf;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;

namespace Safes.Transfer.Tests;

public sealed class BlockTests : IDisposable
{
    private readonly DirectoryInfo place = Directory.CreateTempSubdirectory("safes-blocks-");

    [Fact]
    public void Any_mixture_of_data_and_holes_arrives_equal_with_the_file_s_own_digest() => Gen.Select(
        Gen.Long[0, 3 * Block.Size], Gen.Select(Gen.Long[0, 3 * Block.Size], Gen.Int[1, 300_000]).List[0, 6]).Sample(
        (length, stretches) =>
        {
            string from = Make(length, stretches), to = At("to");
            byte[] content = File.ReadAllBytes(from);
            using (var file = Fcntl.Open(from, Fcntl.ReadOnly))
            using (var reader = new BlockReader(file, FilePath.Parse("from"), length))
            using (var staged = Stage("to", length))
            {
                Carry(reader, staged);
                Assert.Equal(SHA256.HashData(content), staged.Digest);
                Assert.True(Place(staged, "to"));
            }

            Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(to)));
            Assert.InRange(Stat.Find(to)!.Value.AllocatedBytes, 0, Stat.Find(from)!.Value.AllocatedBytes + 65536);
            File.Delete(to);
        },
        iter: 60, threads: 1);

    [Fact]
    public void Stopped_after_any_block_it_goes_on_behind_it()
    {
        string from = Make((5 * Block.Size) + 9, [(0, 3 << 20), (4 << 20, 1 << 20)]);
        using var file = Fcntl.Open(from, Fcntl.ReadOnly);
        long length = Stat.Of(file).Length;
        for (int stop = 0; stop <= Block.Count(length); stop++)
        {
            using (var reader = new BlockReader(file, FilePath.Parse("from"), length))
            using (var staged = Stage("to", length))
            {
                Assert.Equal(0, staged.Blocks);
                Carry(reader, staged, stop);
            }

            using (var reader = new BlockReader(file, FilePath.Parse("from"), length))
            using (var staged = Stage("to", length))
            {
                Assert.Equal(stop, staged.Blocks);
                reader.SkipTo(staged.Blocks, TestContext.Current.CancellationToken);
                Assert.Equal(reader.Digest, staged.Digest);
                Carry(reader, staged);
                Assert.True(Place(staged, "to"));
            }

            Assert.True(File.ReadAllBytes(from).AsSpan().SequenceEqual(File.ReadAllBytes(At("to"))));
            Assert.Equal(["from", "to"], Directory.GetFileSystemEntries(place.FullName).Select(Path.GetFileName).Order());
            File.Delete(At("to"));
        }
    }

    [Fact]
    public void A_block_with_any_bit_changed_is_refused()
    {
        string from = Make(100_000, [(0, 100_000)]);
        using var file = Fcntl.Open(from, Fcntl.ReadOnly);
        using var reader = new BlockReader(file, FilePath.Parse("from"), 100_000);
        var block = new Block();
        reader.Read(block);
        Piece[] pieces = [.. Pieces.Of(block).Select(p => p.Clone())];
        for (int which = 0; which < pieces.Length; which++)
        {
            byte[] bytes = (pieces[which].Check.IsEmpty ? pieces[which].Data : pieces[which].Check).ToByteArray();
            bytes[bytes.Length / 2] ^= 0x10;
            var changed = pieces.Select(p => p.Clone()).ToArray();
            changed[which] = pieces[which].Check.IsEmpty ? new Piece { Data = ByteString.CopyFrom(bytes) } : new Piece { Check = ByteString.CopyFrom(bytes) };
            using var assembly = new BlockAssembly(FilePath.Parse("to"), 100_000);
            Assert.Equal(FaultCodes.FileDamaged, Assert.Throws<FaultException>(() => changed.Select(assembly.Add).ToArray()).Code);
        }

        using var right = new BlockAssembly(FilePath.Parse("to"), 100_000);
        Assert.NotNull(pieces.Select(right.Add).ToArray()[^1]);
    }

    [Fact]
    public void Pieces_that_do_not_fit_their_block_are_refused()
    {
        Piece[] wrong =
        [
            new(), new() { Data = ByteString.Empty }, new() { Data = ByteString.CopyFrom(new byte[11]) }, new() { Hole = 0 }, new() { Hole = 11 },
            new() { Hole = uint.MaxValue }, new() { Check = ByteString.CopyFrom(new byte[32]) },
        ];
        foreach (var piece in wrong)
        {
            using var assembly = new BlockAssembly(FilePath.Parse("to"), 10);
            Assert.Equal(FaultCodes.BadRequest, Assert.Throws<FaultException>(() => assembly.Add(piece)).Code);
        }

        using var empty = new BlockAssembly(FilePath.Parse("to"), 0);
        Assert.Equal(FaultCodes.BadRequest, Assert.Throws<FaultException>(() => empty.Add(new Piece { Hole = 1 })).Code);
    }

    [Fact]
    public void Two_at_the_same_file_at_once_are_not_let()
    {
        using var first = Stage("to", 10);
        Assert.Equal(FaultCodes.TransfersBusy, Assert.Throws<FaultException>(() => Stage("to", 10)).Code);
    }

    [Fact]
    public void What_has_the_name_meanwhile_is_replaced_only_where_that_was_asked_for()
    {
        File.WriteAllText(At("to"), "theirs");
        using (var staged = Stage("to", 0))
        {
            Assert.False(Place(staged, "to"));
            staged.Remove();
        }

        Assert.Equal("theirs", File.ReadAllText(At("to")));
        using (var staged = Stage("to", 0))
        {
            Assert.True(Place(staged, "to", replace: true));
        }

        Assert.Equal("", File.ReadAllText(At("to")));
    }

    [Theory]
    [InlineData(0x1b6u, 0u)]
    [InlineData(0x180u, 65534u)]
    public void What_somebody_else_put_in_the_place_of_a_file_on_its_way_or_may_read_is_not_written_into(uint mode, uint user)
    {
        Assert.SkipUnless(user == 0 || Unistd.EffectiveUser == 0, "needs root to make another user's file");
        using var planted = Fcntl.Open(At(".to.part"), Fcntl.ReadWrite | Fcntl.Create);
        Stat.SetMode(planted, mode);
        if (user != 0)
        {
            Unistd.Chown(planted, user, user);
        }

        string path = Make(Block.Size, [(0, Block.Size)]);
        using (var file = Fcntl.Open(path, Fcntl.ReadOnly))
        using (var reader = new BlockReader(file, FilePath.Parse("from"), Block.Size))
        using (var staged = Stage("to", Block.Size))
        {
            Carry(reader, staged);
            Assert.True(Place(staged, "to"));
        }

        Assert.Equal(0, RandomAccess.GetLength(planted));
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(At("to")));
        Assert.Equal(Unistd.EffectiveUser, Stat.Find(At("to"))!.Value.User);
    }

    public void Dispose() => place.Delete(recursive: true);

    private string At(string name) => Path.Combine(place.FullName, name);

    private string Make(long length, IEnumerable<(long At, int Length)> stretches)
    {
        string path = At("from");
        using var file = Fcntl.Open(path, Fcntl.ReadWrite | Fcntl.Create | Fcntl.Truncate);
        RandomAccess.SetLength(file, length);
        foreach (var (at, count) in stretches.Where(s => s.At < length))
        {
            byte[] bytes = new byte[Math.Min(count, length - at)];
            new Random(count).NextBytes(bytes);
            RandomAccess.Write(file, bytes, at);
        }

        return path;
    }

    private StagedFile Stage(string name, long length) => StagedFile.Open(
        Fcntl.Open(place.FullName, Fcntl.ReadOnly | Fcntl.Directory), "." + name, new byte[32], FilePath.Parse(name), length, TestContext.Current.CancellationToken);

    private bool Place(StagedFile staged, string name, bool replace = false)
    {
        using var directory = Fcntl.Open(place.FullName, Fcntl.ReadOnly | Fcntl.Directory);
        return staged.Place(directory, RawPath.Of(name), replace, 0x180, 0, owner: null);
    }

    private static void Carry(BlockReader reader, StagedFile staged, long upTo = long.MaxValue)
    {
        var block = new Block();
        while (!reader.AtEnd && staged.Blocks < upTo)
        {
            reader.Read(block);
            foreach (var piece in Pieces.Of(block))
            {
                if (staged.Arriving.Add(piece) is { } whole)
                {
                    staged.Write(whole);
                }
            }
        }
    }
}
