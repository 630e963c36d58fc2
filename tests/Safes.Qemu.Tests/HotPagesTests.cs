using System.Collections;
using System.Globalization;
using System.IO.MemoryMappedFiles;
using Safes.Linux;

namespace Safes.Qemu.Tests;

/// <summary>Which memory a guest needs at once is remembered, read ahead, and never trusted.</summary>
public sealed class HotPagesTests : IDisposable
{
    private const long Memory = 16L << 20;
    private const int Pieces = 64;

    private readonly List<MemoryMappedViewAccessor> views = [];
    private readonly HostPlaces places = new(Directory.CreateTempSubdirectory("safes-hot").FullName, "", "", "");

    public HotPagesTests()
    {
        byte[] content = new byte[Memory];
        Random.Shared.NextBytes(content);
        File.WriteAllBytes(places.Ram, content);
        using var ram = Fcntl.Open(places.Ram, Fcntl.ReadOnly);
        Fcntl.Sync(ram);
    }

    [Theory]
    [InlineData(Memory)]
    [InlineData(Memory + (5 << 20))]
    [InlineData(2L << 30)]
    [InlineData(1L << 40)]
    public void What_was_hot_is_found_again(long memory)
    {
        var hot = new BitArray((int)(memory / HotPages.Piece));
        hot[0] = hot[7] = hot[8] = hot[^1] = true;
        HotPages.Reserve(places, memory);
        Assert.Null(HotPages.Find(places, memory));
        Assert.True(HotPages.Write(places, memory, hot));
        Assert.Equal(HotPages.LengthFor(memory), new FileInfo(places.HotPages).Length);
        HotPages.Reserve(places, memory);    // leaves alone what is there
        Assert.Equal(hot.Cast<bool>(), HotPages.Find(places, memory)!.Cast<bool>());
    }

    [Fact]
    public void A_record_that_is_damaged_anywhere_or_has_another_length_is_none()
    {
        byte[] good = HotPages.Format(Hot(3, 4), Memory);
        Assert.NotNull(HotPages.Parse(good, Memory));
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << (at % 8));
            Assert.Null(HotPages.Parse(bad, Memory));
        }

        for (int length = 0; length < good.Length; length++)
        {
            Assert.Null(HotPages.Parse(good.AsSpan(0, length), Memory));
        }

        File.WriteAllBytes(places.HotPages, [.. good, 0]);
        Assert.Null(HotPages.Find(places, Memory));
        File.WriteAllBytes(places.HotPages, good);
        Assert.NotNull(HotPages.Find(places, Memory));
    }

    [Theory]
    [InlineData(Memory + (1 << 20))]
    [InlineData(Memory - (1 << 20))]
    [InlineData(Memory + 1)]
    public void Of_a_host_that_has_other_memory_since_it_is_none(long since)
    {
        Remember(Hot(1));
        Assert.Null(HotPages.Find(places, since));
        Assert.Equal(0, HotPages.ReadAhead(places, since, TestContext.Current.CancellationToken));
        HotPages.Reserve(places, since);
        Assert.Equal(HotPages.LengthFor(since), new FileInfo(places.HotPages).Length);
        Assert.Null(HotPages.Find(places, since));
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("link")]
    [InlineData("second name")]
    [InlineData("directory")]
    [InlineData("pipe")]
    public async Task What_lies_in_its_place_is_neither_believed_nor_written(string what)
    {
        string other = Path.Combine(places.Home, "other");
        byte[] good = HotPages.Format(Hot(1), Memory);
        await File.WriteAllBytesAsync(other, good, TestContext.Current.CancellationToken);
        await (what switch
        {
            "link" => Tool.RunAsync("ln", ["-s", other, places.HotPages]),
            "second name" => Tool.RunAsync("ln", [other, places.HotPages]),
            "directory" => Tool.RunAsync("mkdir", [places.HotPages]),
            "pipe" => Tool.RunAsync("mkfifo", [places.HotPages]),
            _ => Task.CompletedTask,
        });
        Assert.Equal(0, HotPages.ReadAhead(places, Memory, TestContext.Current.CancellationToken));
        using var map = Map();
        Touch(map, 5);
        Assert.False(HotPages.Record(places, Memory, Environment.ProcessId));
        Assert.Equal(good, await File.ReadAllBytesAsync(other, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_a_process_uses_is_hot_and_what_is_only_in_the_page_cache_is_not()
    {
        await DropAsync();
        Remember(Hot([.. Enumerable.Range(20, 10)]));
        HotPages.ReadAhead(places, Memory, TestContext.Current.CancellationToken);
        using var map = Map();
        Touch(map, 2);
        Touch(map, 21);
        Touch(map, Pieces - 1);
        Assert.True(HotPages.Record(places, Memory, Environment.ProcessId));
        Assert.Equal(Hot(2, 21, Pieces - 1).Cast<bool>(), HotPages.Find(places, Memory)!.Cast<bool>());
        Assert.False(HotPages.Record(places, Memory, 1 << 30));     // nobody
    }

    [Fact]
    public async Task What_was_hot_is_read_into_the_page_cache_and_nothing_stays_open()
    {
        await DropAsync();
        Remember(Hot(1, 9, 40));
        Assert.Equal(3 * HotPages.Piece, HotPages.ReadAhead(places, Memory, TestContext.Current.CancellationToken));
        var end = BootClock.Now + TimeSpan.FromSeconds(10);
        while (await ResidentAsync() < 3 * HotPages.Piece && BootClock.Now < end)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.Equal(3 * HotPages.Piece, await ResidentAsync());
        Assert.DoesNotContain(Directory.GetFileSystemEntries("/proc/self/fd"), l => new FileInfo(l).LinkTarget?.StartsWith(places.Home, StringComparison.Ordinal) == true);
        Assert.DoesNotContain(places.Home, await File.ReadAllTextAsync("/proc/self/maps", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Once_it_is_stopped_nothing_more_is_read()
    {
        await DropAsync();
        Remember(Hot([.. Enumerable.Range(0, Pieces)]));
        Assert.Throws<OperationCanceledException>(() => HotPages.ReadAhead(places, Memory, new CancellationToken(canceled: true)));
        Assert.Equal(0, await ResidentAsync());
        Assert.DoesNotContain(Directory.GetFileSystemEntries("/proc/self/fd"), l => new FileInfo(l).LinkTarget?.StartsWith(places.Home, StringComparison.Ordinal) == true);
    }

    [Fact]
    public void No_more_is_read_than_its_bound()
    {
        const long memory = 1L << 30;
        using (var ram = Fcntl.Open(places.Ram, Fcntl.ReadWrite | Fcntl.Truncate))
        {
            RandomAccess.SetLength(ram, memory);
        }

        HotPages.Reserve(places, memory);
        HotPages.Write(places, memory, new BitArray((int)(memory / HotPages.Piece), true));
        Assert.InRange(HotPages.ReadAhead(places, memory, TestContext.Current.CancellationToken), HotPages.Piece, HotPages.Most);
    }

    public void Dispose()
    {
        views.ForEach(v => v.Dispose());
        Directory.Delete(places.Home, recursive: true);
    }

    private static BitArray Hot(params int[] pieces)
    {
        var hot = new BitArray(Pieces);
        foreach (int piece in pieces)
        {
            hot[piece] = true;
        }

        return hot;
    }

    private void Remember(BitArray hot)
    {
        HotPages.Reserve(places, Memory);
        Assert.True(HotPages.Write(places, Memory, hot));
    }

    private MemoryMappedFile Map() => MemoryMappedFile.CreateFromFile(places.Ram, FileMode.Open, null, 0, MemoryMappedFileAccess.ReadWrite);

    /// <summary>Changes a byte in the middle of a piece, by a mapping that lives as long as the test.</summary>
    private void Touch(MemoryMappedFile map, int piece)
    {
        views.Add(map.CreateViewAccessor());
        views[^1].Write(((long)piece * HotPages.Piece) + (HotPages.Piece / 2), (byte)1);
    }

    private async Task DropAsync()
    {
        await Tool.RunAsync("dd", [$"if={places.Ram}", "iflag=nocache", "count=0", "status=none"]);
        Assert.SkipUnless(await ResidentAsync() == 0, "this file system keeps all its pages in memory");
    }

    /// <summary>Bytes of the RAM file in the page cache.</summary>
    private async Task<long> ResidentAsync() => long.Parse(
        await Tool.RunAsync("fincore", ["--bytes", "--noheadings", "--output", "RES", places.Ram]), NumberStyles.Any, CultureInfo.InvariantCulture);
}
