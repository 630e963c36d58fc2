#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the scene
using CsCheck;
using Google.Protobuf;
using Safes.Client.Transfers;
using Safes.Contracts.V1;
using Safes.Hypervisor.Tests.Api;

namespace Safes.Hypervisor.Tests.Transfers;

public sealed class ResumingTests
{
    private const int Mega = 1 << 20;

    [Fact(Timeout = 120_000)]
    public async Task Cut_anywhere_it_goes_on_where_it_was_and_comes_whole()
    {
        await using var scene = await Scene.OpenAsync();
        byte[] large = Scene.Random((12 * Mega) + 333);
        string from = Directory.CreateDirectory(scene.Device("from")).FullName;
        File.WriteAllBytes(Path.Combine(from, "large"), large);
        Scene.Sparse(Path.Combine(from, "sparse"), 30L * Mega, (9 * 1024, 600));
        for (int i = 0; i < 20; i++)
        {
            File.WriteAllBytes(Path.Combine(from, $"small{i}"), Scene.Random(1000 * i, i));
        }

        foreach (int seed in Enumerable.Range(0, 8))
        {
            var random = new Random(seed);
            scene.Link.CutAfter(random.Next(1, 12 * Mega));
            var put = await scene.PutAsync([from], $"to{seed}");
            Equal(from, scene.Share($"to{seed}"));
            Assert.Equal((22L, 0L, 1), (put.Files, put.Failures, put.Resumed));
            Assert.InRange(put.Sent, 12 * Mega, 16 * Mega);

            scene.Link.CutAfter(random.Next(1, 12 * Mega));
            string back = scene.Device($"back{seed}");
            var got = await scene.GetAsync([$"to{seed}"], back);
            Equal(from, back);
            Assert.Equal((22L, 0L, 1), (got.Files, got.Failures, got.Resumed));
            Assert.InRange(got.Sent, 12 * Mega, 16 * Mega);
        }

        Assert.Empty(Scene.Names(scene.Volume("transfers")));
    }

    [Fact(Timeout = 60_000)]
    public async Task What_waited_for_its_turn_when_the_link_was_cut_is_sent_with_the_next()
    {
        await using var scene = await Scene.OpenAsync();
        string from = Directory.CreateDirectory(scene.Device("from")).FullName;
        for (int i = 0; i < 400; i++)
        {
            File.WriteAllText(Path.Combine(from, $"{i}"), $"{i}");
        }

        // The first time none is there; the second time all are, so that they are compared.
        foreach (var (already, listed) in ((int, int)[])[(0, 0), (400, 16_000)])
        {
            await CutWhenNothingGoesAsync(scene, () => scene.PutAsync([from], ""), already, listed);
            Equal(from, scene.Share("from"));
        }

        string back = scene.Device("back");
        await CutWhenNothingGoesAsync(scene, () => scene.GetAsync(["from"], back), 0, 16_000);
        Equal(from, back);
    }

    [Fact(Timeout = 60_000)]
    public async Task Closed_in_the_middle_and_opened_again_the_same_command_sends_only_the_rest()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllBytes(scene.Device("large"), Scene.Random(20 * Mega));
        await StopInTheMiddleAsync(scene, "large", 8);
        Assert.False(File.Exists(scene.Share("large")));
        scene.Safe.Work.Open();
        var put = await scene.PutAsync([scene.Device("large")], "large");
        Assert.Equal(1, put.Files);
        Assert.InRange(put.Sent, 11 * Mega, 13 * Mega);
        Assert.Equal(Scene.Random(20 * Mega), File.ReadAllBytes(scene.Share("large")));
    }

    [Fact(Timeout = 60_000)]
    public async Task The_same_command_right_after_a_cut_waits_until_what_was_sent_before_has_been_read()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllBytes(scene.Device("large"), Scene.Random(2 * Mega));
        var before = scene.Server.Inside.Put(default);
        await before.RequestStream.WriteAsync(new PutRequest { File = new PutFile { Path = ByteString.CopyFromUtf8("large"), Length = 2 * Mega, Ask = true } });
        Assert.True(await before.ResponseStream.MoveNext(default));
        var put = scene.PutAsync([scene.Device("large")], "large");
        Assert.NotSame(put, await Task.WhenAny(put, Task.Delay(1000)));
        before.Dispose();
        Assert.Equal((1L, 0L), ((await put).Files, (await put).Failures));
        Assert.Equal(Scene.Random(2 * Mega), File.ReadAllBytes(scene.Share("large")));
    }

    [Fact(Timeout = 60_000)]
    public async Task What_was_staged_is_believed_only_as_far_as_it_has_its_digests()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllBytes(scene.Device("large"), Scene.Random(20 * Mega));
        foreach (var (spoil, least) in ((Action<string>, long)[])[
            (part => Flip(part, 3 * Mega), 16 * Mega),
            (part => Flip(Path.ChangeExtension(part, "checks"), 32 * 3), 17 * Mega),
            (part => File.Delete(Path.ChangeExtension(part, "checks")), 20 * Mega),
            (part => File.WriteAllBytes(part, [1]), 20 * Mega)])
        {
            await StopInTheMiddleAsync(scene, "large", 8);
            spoil(Directory.GetFiles(scene.Volume("transfers"), "*.part").Single());
            scene.Safe.Work.Open();
            var put = await scene.PutAsync([scene.Device("large")], "large");
            Assert.InRange(put.Sent, least, 20 * Mega);
            Assert.Equal(Scene.Random(20 * Mega), File.ReadAllBytes(scene.Share("large")));
            File.Delete(scene.Share("large"));
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_local_file_that_became_another_is_sent_from_its_beginning()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllBytes(scene.Device("large"), Scene.Random(20 * Mega));
        var time = File.GetLastWriteTimeUtc(scene.Device("large"));
        await StopInTheMiddleAsync(scene, "large", 8);
        scene.Safe.Work.Open();
        File.WriteAllBytes(scene.Device("large"), Scene.Random(20 * Mega, seed: 2));
        File.SetLastWriteTimeUtc(scene.Device("large"), time);
        var put = await scene.PutAsync([scene.Device("large")], "large");
        Assert.Equal(20 * Mega, put.Sent);
        Assert.Equal(Scene.Random(20 * Mega, seed: 2), File.ReadAllBytes(scene.Share("large")));
    }

    [Fact(Timeout = 60_000)]
    public void Damaged_and_disordered_messages_end_the_stream_or_the_file_and_name_nothing() =>
        Gen.Byte.Array[1, 40].List[0, 12].Sample(
            wild =>
            {
                Task.Run(() => SendAsync(wild)).GetAwaiter().GetResult();
            },
            iter: 15, threads: 1);

    private static async Task SendAsync(List<byte[]> wild)
    {
        await using var scene = await Scene.OpenAsync();
        using var call = scene.Server.Inside.Put(default);
        try
        {
            await call.RequestStream.WriteAsync(new PutRequest { File = new PutFile { Path = ByteString.CopyFromUtf8("f"), Length = 3 * Mega } });
            foreach (byte[] bytes in wild)
            {
                await call.RequestStream.WriteAsync((bytes[0] % 6) switch
                {
                    0 => new PutRequest { Piece = new Piece { Data = ByteString.CopyFrom(bytes) } },
                    1 => new PutRequest { Piece = new Piece { Hole = (uint)BitConverter.ToUInt16([bytes[0], bytes[^1]]) << (bytes[^1] % 16) } },
                    2 => new PutRequest { Piece = new Piece { Check = ByteString.CopyFrom(bytes.Length == 32 ? bytes : new byte[32]) } },
                    3 => new PutRequest { Again = new PutAgain() },
                    4 => new PutRequest { End = new PutEnd() },
                    _ => new PutRequest { File = new PutFile { Path = ByteString.CopyFrom(bytes), Length = bytes[0] } },
                });
            }

            await call.RequestStream.CompleteAsync();
            while (await call.ResponseStream.MoveNext(default)) { }
        }
        catch (Exception e) when (e is Grpc.Core.RpcException or InvalidOperationException)
        {
            // Refused in the middle.
        }

        await scene.Safe.Work.WhenEmpty;
        Assert.Empty(Scene.Names(scene.Share("")));
        File.WriteAllText(scene.Device("fine"), "words");
        Assert.Equal(1, (await scene.PutAsync([scene.Device("fine")], "fine")).Files);
    }

    /// <summary>So many blocks of a file are there when the safe closes.</summary>
    private static async Task StopInTheMiddleAsync(Scene scene, string name, int blocks)
    {
        using var file = Linux.Fcntl.Open(scene.Device(name), Linux.Fcntl.ReadOnly);
        var status = Linux.Stat.Of(file);
        using var reader = new Transfer.BlockReader(file, Transfer.FilePath.Parse(name), status.Length);
        using var call = scene.Server.Inside.Put(default);
        await call.RequestStream.WriteAsync(new PutRequest
        {
            File = new PutFile { Path = ByteString.CopyFromUtf8(name), Length = (ulong)status.Length, ModifiedUnixNs = status.ModifiedNanoseconds, Ask = true },
        });
        Assert.True(await call.ResponseStream.MoveNext(default));
        var block = new Transfer.Block();
        for (int i = 0; i < blocks; i++)
        {
            reader.Read(block);
            foreach (var piece in Transfer.Pieces.Of(block))
            {
                await call.RequestStream.WriteAsync(new PutRequest { Piece = piece });
            }
        }

        string checks = Directory.GetFiles(scene.Volume("transfers"), "*.checks").Single();
        while (new FileInfo(checks).Length < 32 * (blocks + 1))
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        scene.Safe.Work.Shut();
        Assert.Equal("closing", await LoopbackSafe.RefusedAsync(() => call.ResponseStream.MoveNext(default)));
        await scene.Safe.Work.WhenEmpty;
    }

    /// <summary>Nothing that the server answers arrives, until the device has nothing more that it may send; then the link is cut.</summary>
    private static async Task CutWhenNothingGoesAsync(Scene scene, Func<Task<TransferOutcome>> transfer, int already, long listed)
    {
        var doing = transfer();
        long before = scene.Link.Passed;
        while (scene.Link.Passed - before < listed + 4000)
        {
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        scene.Link.Hush();
        for (long passed = -1; passed != scene.Link.Passed;)
        {
            passed = scene.Link.Passed;
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        scene.Link.Cut();
        var outcome = await doing;
        Assert.Equal((400L, 0L, 1), (outcome.Files, outcome.Failures, outcome.Resumed));
        Assert.InRange(outcome.Already, already, 400);
    }

    private static void Flip(string path, long at)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.Position = at;
        int was = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(was ^ 1));
    }

    private static void Equal(string one, string other)
    {
        Assert.Equal(Scene.Names(one), Scene.Names(other));
        Assert.All(Scene.Names(one), n => Assert.True(File.ReadAllBytes(Path.Combine(one, n)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(other, n))), n));
    }
}
