#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the scene
using Safes.Contracts;
using Safes.Hypervisor.Tests.Api;
using Safes.Linux;
using Safes.Rules;

namespace Safes.Hypervisor.Tests.Transfers;

public sealed class PutAndGetTests
{
    private const int Mega = 1 << 20;

    [Fact(Timeout = 60_000)]
    public async Task A_directory_comes_back_equal_with_its_holes_as_holes()
    {
        await using var scene = await Scene.OpenAsync();
        string work = scene.Device("kept");
        Directory.CreateDirectory(Path.Combine(work, "deep", "empty"));
        File.WriteAllBytes(Path.Combine(work, "large"), Scene.Random((5 * Mega) + 17));
        File.WriteAllText(Path.Combine(work, "deep", "small"), "a few words");
        File.WriteAllText(Path.Combine(work, "nothing"), "");
        File.WriteAllText(Path.Combine(work, "program"), "#!/bin/sh");
        File.SetUnixFileMode(Path.Combine(work, "program"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Scene.Sparse(Path.Combine(work, "sparse"), 64L * Mega + 5, (0, 64), (20 * 1024 - 8, 16), (63 * 1024, 1024));
        var put = await scene.PutAsync([work], "papers/");
        Assert.Equal((5L, 3L, 0L), (put.Files, put.Directories, put.Failures));
        Assert.Equal(Scene.Names(work), Scene.Names(scene.Share("papers/kept")));
        Assert.InRange(put.Sent, 0, 8 * Mega);
        Assert.InRange(Scene.Allocated(scene.Share("papers/kept/sparse")), Mega, 4 * Mega);
        Assert.Equal(0x1b4u, Stat.Find(scene.Share("papers/kept/large"))!.Value.Permissions);
        Assert.Equal(0x1fdu, Stat.Find(scene.Share("papers/kept/program"))!.Value.Permissions);
        Assert.Equal(0x5fdu, Stat.Find(scene.Share("papers/kept/deep"))!.Value.Permissions);
        Assert.Empty(Scene.Names(scene.Volume("transfers")));

        var got = await scene.GetAsync(["papers"], scene.Device("back"));
        Assert.Equal((5L, 0L), (got.Files, got.Failures));
        foreach (string name in Scene.Names(work))
        {
            string one = Path.Combine(work, name), other = Path.Combine(scene.Device("back"), "kept", name);
            Assert.Equal(Directory.Exists(one), Directory.Exists(other));
            if (File.Exists(one))
            {
                Assert.True(File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(other)), name);
                Assert.Equal(File.GetLastWriteTimeUtc(one), File.GetLastWriteTimeUtc(other), TimeSpan.FromMilliseconds(1));
                Assert.Equal(0u, Stat.Find(other)!.Value.Permissions & 0x3f);
            }
        }

        Assert.InRange(Scene.Allocated(Path.Combine(scene.Device("back"), "kept", "sparse")), Mega, 4 * Mega);
        Assert.DoesNotContain(Scene.Names(scene.Device("back")), n => n.Contains(".safe-", StringComparison.Ordinal));
    }

    [Fact(Timeout = 60_000)]
    public async Task What_is_there_already_is_not_sent_and_what_differs_stays_unless_it_is_to_be_replaced()
    {
        await using var scene = await Scene.OpenAsync();
        foreach (var (name, length) in ((string, int)[])[("small", 100), ("large", 6 * Mega)])
        {
            File.WriteAllBytes(scene.Device(name), Scene.Random(length));
            Assert.Equal(0, (await scene.PutAsync([scene.Device(name)], name)).Already);
            var again = await scene.PutAsync([scene.Device(name)], name);
            Assert.Equal((1L, 1L, 0L), (again.Files, again.Already, again.Failures));
            Assert.InRange(again.Sent, 0, 100);
            File.WriteAllBytes(scene.Device(name), Scene.Random(length, seed: 2));
            Assert.Equal([FaultCodes.FileExists], (await scene.PutAsync([scene.Device(name)], name)).Failed.Select(f => f.Fault.Code));
            Assert.Equal(Scene.Random(length), File.ReadAllBytes(scene.Share(name)));
            Assert.Equal(0, (await scene.PutAsync([scene.Device(name)], name, replace: true)).Failures);
            Assert.Equal(Scene.Random(length, seed: 2), File.ReadAllBytes(scene.Share(name)));

            Assert.Equal(1, (await scene.GetAsync([name], scene.Device(name))).Already);
            File.WriteAllBytes(scene.Device(name), Scene.Random(length, seed: 3));
            Assert.Equal([FaultCodes.FileExists], (await scene.GetAsync([name], scene.Device(name))).Failed.Select(f => f.Fault.Code));
            Assert.Equal(Scene.Random(length, seed: 3), File.ReadAllBytes(scene.Device(name)));
            Assert.Equal(0, (await scene.GetAsync([name], scene.Device(name), replace: true)).Failures);
            Assert.Equal(Scene.Random(length, seed: 2), File.ReadAllBytes(scene.Device(name)));
        }

        Assert.Empty(Scene.Names(scene.Volume("transfers")));
    }

    [Fact(Timeout = 60_000)]
    public async Task Of_a_directory_that_is_there_only_what_changed_is_sent_however_small_it_is()
    {
        await using var scene = await Scene.OpenAsync();
        string work = scene.Device("work");
        Directory.CreateDirectory(work);
        for (int i = 0; i < 300; i++)
        {
            File.WriteAllBytes(Path.Combine(work, $"{i}"), Scene.Random(2000, seed: i + 1));
        }

        Assert.Equal((300L, 0L, 600_000L), Of(await scene.PutAsync([work], "")));
        Assert.Equal((300L, 300L, 0L), Of(await scene.PutAsync([work], "")));

        // One has other bytes, one another length, one is new, one is gone at the other end.
        File.WriteAllBytes(Path.Combine(work, "7"), Scene.Random(2000, seed: 1000));
        File.WriteAllBytes(Path.Combine(work, "8"), Scene.Random(3000));
        File.WriteAllBytes(Path.Combine(work, "new"), Scene.Random(10));
        File.Delete(scene.Share("work/9"));
        Assert.Equal((301L, 297L, 7_010L), Of(await scene.PutAsync([work], "", replace: true)));
        Assert.All(Scene.Names(work), n => Assert.Equal(File.ReadAllBytes(Path.Combine(work, n)), File.ReadAllBytes(scene.Share($"work/{n}"))));
        File.WriteAllBytes(Path.Combine(work, "7"), Scene.Random(2000, seed: 1001));
        var kept = await scene.PutAsync([work], "");
        Assert.Equal([FaultCodes.FileExists], kept.Failed.Select(f => f.Fault.Code));
        Assert.Equal((300L, 300L, 2000L), Of(kept));
        Assert.Equal(kept.Sent + (300 * 2000) + 1000 + 10 - 2000, kept.Bytes);

        // Where nothing leaves unless it was approved, nobody learns by comparing what is there.
        scene.DataOut = DataOut.FourEyes;
        var asked = await scene.PutAsync([work], "");
        Assert.Equal((0L, 301L), (asked.Already, asked.Failures));
        Assert.All(asked.Failed, f => Assert.Equal(FaultCodes.FileExists, f.Fault.Code));

        static (long Files, long Already, long Sent) Of(Safes.Client.Transfers.TransferOutcome o) => (o.Files, o.Already, o.Sent);
    }

    [Fact(Timeout = 60_000)]
    public async Task Links_devices_and_pipes_are_never_followed_nor_sent_nor_waited_for()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllText(scene.Device("secret"), "of the device, or of the server");
        foreach (string side in (string[])[scene.Device("here"), scene.Share("there")])
        {
            Directory.CreateDirectory(side);
            File.WriteAllText(Path.Combine(side, "file"), "words");
            File.CreateSymbolicLink(Path.Combine(side, "link"), scene.Device("secret"));
            File.CreateSymbolicLink(Path.Combine(side, "links"), scene.Device(""));
            await Tool.RunAsync("mkfifo", [Path.Combine(side, "pipe")]);
        }

        var put = await scene.PutAsync([scene.Device("here")], "put");
        Assert.Equal((1L, 3L, 0L), (put.Files, put.Skips, put.Failures));
        Assert.Equal(["file"], Scene.Names(scene.Share("put")));
        var got = await scene.GetAsync(["there"], scene.Device("got"));
        Assert.Equal((1L, 3L, 0L), (got.Files, got.Skips, got.Failures));
        Assert.Equal(["file"], Scene.Names(scene.Device("got")));

        // Nor by name, nor as a directory on the way, nor as what is replaced.
        Assert.Equal(FaultCodes.FileKind, await CodeAsync(() => scene.GetAsync(["there/links/secret"], scene.Device("x"))));
        Assert.Equal(FaultCodes.FileKind, await CodeAsync(() => scene.PutAsync([scene.Device("secret")], "there/links/new")));
        Assert.Equal([FaultCodes.FileExists], (await scene.PutAsync([scene.Device("secret")], "there/link")).Failed.Select(f => f.Fault.Code));
        Assert.Equal(0, (await scene.PutAsync([scene.Device("here/file")], "there/link", replace: true)).Failures);
        Assert.Equal("of the device, or of the server", File.ReadAllText(scene.Device("secret")));
        Assert.False(File.Exists(scene.Device("new")));
    }

    [Fact(Timeout = 60_000)]
    public async Task Names_are_bytes_whatever_they_mean()
    {
        await using var scene = await Scene.OpenAsync();
        byte[][] names = [[.. "line\nline"u8], [.. "cafe\u0301"u8], [0xff, 0xfe, 0x80], [.. Enumerable.Repeat((byte)'n', 255)], [.. "\u001b[2J"u8]];
        string from = Directory.CreateDirectory(scene.Device("names")).FullName;
        using (var directory = Fcntl.Open(from, Fcntl.ReadOnly | Fcntl.Directory))
        {
            foreach (byte[] name in names)
            {
                using var file = Fcntl.OpenBeneath(directory, new RawPath(name), Fcntl.WriteOnly | Fcntl.Create, 0x180);
                Unistd.Write(file, name);
            }
        }

        Assert.Equal(5, (await scene.PutAsync([from], "names")).Files);
        Assert.Equal(5, (await scene.GetAsync(["names"], scene.Device("back"))).Files);
        Assert.Equal(Raw(names), Raw(from));
        Assert.Equal(Raw(names), Raw(scene.Share("names")));
        Assert.Equal(Raw(names), Raw(scene.Device("back")));
    }

    [Theory(Timeout = 60_000)]
    [InlineData("../out")]
    [InlineData("a/../../out")]
    [InlineData("a//b")]
    [InlineData("./a")]
    [InlineData("/etc/passwd")]
    [InlineData("a\0b")]
    public async Task A_path_that_leads_elsewhere_is_refused(string path)
    {
        await using var scene = await Scene.OpenAsync();
        using var call = scene.Server.Inside.Put(default);
        await call.RequestStream.WriteAsync(new Contracts.V1.PutRequest { File = new Contracts.V1.PutFile { Path = Google.Protobuf.ByteString.CopyFromUtf8(path) } });
        Assert.True(await call.ResponseStream.MoveNext(default));
        Assert.Equal("file-name", call.ResponseStream.Current.Done.Fault.Code);
        Assert.Equal(["share"], Scene.Names(scene.Volume("")));
    }

    [Fact(Timeout = 60_000)]
    public async Task Too_little_room_is_said_beforehand_and_nothing_stays()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllBytes(scene.Device("large"), Scene.Random(6 * Mega));
        Scene.Sparse(scene.Device("sparse"), 1L << 30, (1024, 64));
        scene.Free = (256L << 20) + (5 * Mega);
        var put = await scene.PutAsync([scene.Device("large"), scene.Device("sparse")], "in/");
        Assert.Equal([FaultCodes.ShareFull], put.Failed.Select(f => f.Fault.Code).Take(1));
        Assert.Empty(Scene.Names(scene.Volume("transfers")));
        Assert.False(File.Exists(scene.Share("in/large")));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_file_that_changes_on_its_way_out_gets_no_name()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllBytes(scene.Share("log"), Scene.Random(40 * Mega));
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(
            () =>
            {
                using var log = new FileStream(scene.Share("log"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                for (int i = 0; !stop.IsCancellationRequested; i++)
                {
                    log.Position = i % 1000;
                    log.WriteByte((byte)i);
                    log.Flush();
                }
            },
            TestContext.Current.CancellationToken);
        var got = await scene.GetAsync(["log"], scene.Device("log"));
        await stop.CancelAsync();
        await writing;
        Assert.Equal([FaultCodes.FileChanged], got.Failed.Select(f => f.Fault.Code));
        Assert.Empty(Scene.Names(scene.Device("")));
    }

    [Theory(Timeout = 60_000)]
    [InlineData(DataOut.FourEyes)]
    [InlineData(DataOut.Closed)]
    public async Task Once_owners_have_decided_so_nothing_leaves_without_approval_and_files_still_come_in(DataOut mode)
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllText(scene.Share("file"), "words");
        Assert.Equal(0, (await scene.GetAsync(["file"], scene.Device("before"))).Failures);
        scene.DataOut = mode;
        Assert.Equal(FaultCodes.NeedsApproval, await CodeAsync(() => scene.GetAsync(["file"], scene.Device("after"))));
        using var call = scene.Server.Inside.Get(default);
        foreach (bool compare in (bool[])[false, true])    // not even whether it is the same
        {
            await call.RequestStream.WriteAsync(new Contracts.V1.GetRequest { Path = Google.Protobuf.ByteString.CopyFromUtf8("file"), Compare = compare });
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal("needs-approval", call.ResponseStream.Current.Done.Fault.Code);
        }

        Assert.Equal(["before"], Scene.Names(scene.Device("")));
        Assert.Equal(1, (await scene.PutAsync([scene.Device("before")], "in/")).Files);
    }

    [Theory(Timeout = 60_000)]
    [InlineData(DataOut.FourEyes)]
    [InlineData(DataOut.Closed)]
    public async Task Then_putting_and_asking_for_one_path_tell_nothing_of_what_is_there(DataOut mode)
    {
        await using var scene = await Scene.OpenAsync();
        Directory.CreateDirectory(scene.Share("in"));
        File.WriteAllText(scene.Share("in/pin"), "007");
        File.WriteAllText(scene.Device("pin"), "007");
        Assert.True((await PutFirstAsync(replace: false)).Have.Whole);    // control: while data leave freely it is said
        scene.DataOut = mode;
        Assert.Equal("file-exists", (await PutFirstAsync(replace: false)).Done.Fault.Code);
        Assert.Equal(new Contracts.V1.PutHave { Check = Google.Protobuf.ByteString.CopyFrom(System.Security.Cryptography.SHA256.HashData([])) }, (await PutFirstAsync(replace: true)).Have);
        Assert.Equal([FaultCodes.FileExists], (await scene.PutAsync([scene.Device("pin")], "in/")).Failed.Select(f => f.Fault.Code));
        Assert.Equal([Contracts.V1.FileKind.Directory], await ListAsync("in"));
        Assert.Equal([], await ListAsync("in/pin"));
        Assert.Equal([], await ListAsync("in/none"));
        Assert.Equal([], await ListAsync("in/pin/below"));

        async Task<Contracts.V1.PutReply> PutFirstAsync(bool replace)
        {
            using var call = scene.Server.Inside.Put(default);
            var file = new Contracts.V1.PutFile { Path = Google.Protobuf.ByteString.CopyFromUtf8("in/pin"), Length = 3, DataBytes = 3, Ask = true, Replace = replace };
            await call.RequestStream.WriteAsync(new Contracts.V1.PutRequest { File = file });
            Assert.True(await call.ResponseStream.MoveNext(default));
            return call.ResponseStream.Current;
        }

        async Task<Contracts.V1.FileKind[]> ListAsync(string path)
        {
            List<Contracts.V1.FileKind> kinds = [];
            try
            {
                var request = new Contracts.V1.ListFilesRequest { Path = Google.Protobuf.ByteString.CopyFromUtf8(path) };
                await foreach (var found in scene.Server.Inside.StreamAsync((c, o) => c.ListFiles(request, o), TimeSpan.FromSeconds(20), default))
                {
                    kinds.AddRange(found.Files.Select(f => f.Kind));
                }
            }
            catch (FaultException e) when (e.Code == FaultCodes.FileUnknown)
            {
                Assert.Empty(kinds);
            }

            return [.. kinds];
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task What_is_on_its_way_out_when_owners_decide_so_stops_there()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllBytes(scene.Share("file"), Scene.Random(64 << 20));
        using var call = scene.Server.Inside.Get(default);
        await call.RequestStream.WriteAsync(new Contracts.V1.GetRequest { Path = Google.Protobuf.ByteString.CopyFromUtf8("file") });
        long left = 0;
        while (await call.ResponseStream.MoveNext(default) && call.ResponseStream.Current.Done is null)
        {
            left += call.ResponseStream.Current.Piece?.Data.Length ?? 0;
            scene.DataOut = left > 1 << 20 ? DataOut.Closed : DataOut.Free;
        }

        Assert.Equal("needs-approval", call.ResponseStream.Current.Done!.Fault.Code);
        Assert.InRange(left, 1 << 20, 8 << 20);
    }

    [Fact(Timeout = 60_000)]
    public async Task Without_a_session_of_its_own_a_device_gets_nothing()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllText(scene.Share("file"), "words");
        scene.Server.Session = Google.Protobuf.ByteString.CopyFrom(new byte[16]);
        Assert.Equal(FaultCodes.NoSession, await CodeAsync(() => scene.GetAsync(["file"], scene.Device("file"))));
        Assert.Equal(FaultCodes.NoSession, await CodeAsync(() => scene.PutAsync([scene.Share("file")], "other/")));
        Assert.False(Directory.Exists(scene.Share("other")));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_stream_ends_with_its_session_and_with_the_safe()
    {
        await using var scene = await Scene.OpenAsync();
        var safe = scene.Safe;
        foreach (var (end, code) in ((Action, string)[])[(safe.Work.Shut, "closing"), (() => safe.Sessions.All.Single().End(new Sessions.SessionEnd("left")), "no-session")])
        {
            using var call = scene.Server.Inside.Put(default);
            await call.RequestStream.WriteAsync(new Contracts.V1.PutRequest
            {
                File = new Contracts.V1.PutFile { Path = Google.Protobuf.ByteString.CopyFromUtf8("big"), Length = 100 * Mega, Ask = true },
            });
            Assert.True(await call.ResponseStream.MoveNext(default));
            end();
            Assert.Equal(code, await LoopbackSafe.RefusedAsync(() => call.ResponseStream.MoveNext(default)));
            await safe.Work.WhenEmpty.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            Assert.DoesNotContain(OwnDescriptors(), d => d.Contains("safes-transfer-", StringComparison.Ordinal) && d.Contains("/volume", StringComparison.Ordinal));
            safe.Work.Open();
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task More_streams_than_there_is_room_for_are_refused_and_one_that_ends_makes_room()
    {
        await using var scene = await Scene.OpenAsync();
        var calls = new List<Grpc.Core.AsyncDuplexStreamingCall<Contracts.V1.PutRequest, Contracts.V1.PutReply>>();
        for (int i = 0; i < Hypervisor.Transfers.TransferRoom.MostOfASession; i++)
        {
            var call = scene.Server.Inside.Put(default);
            calls.Add(call);
            await call.RequestStream.WriteAsync(new Contracts.V1.PutRequest { File = new Contracts.V1.PutFile { Path = Google.Protobuf.ByteString.CopyFromUtf8($"d{i}"), Directory = true } });
            Assert.True(await call.ResponseStream.MoveNext(default));
        }

        File.WriteAllText(scene.Device("file"), "words");
        Assert.Equal(FaultCodes.TransfersBusy, await CodeAsync(() => scene.PutAsync([scene.Device("file")], "file")));
        await calls[0].RequestStream.CompleteAsync();
        Assert.False(await calls[0].ResponseStream.MoveNext(default));
        Assert.Equal(1, (await scene.PutAsync([scene.Device("file")], "d0/")).Files);
        calls.ForEach(c => c.Dispose());
    }

    private static IEnumerable<string> OwnDescriptors() =>
        Directory.GetFileSystemEntries("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget ?? "");

    private static async Task<FaultCode> CodeAsync(Func<Task> refused) => (await Assert.ThrowsAsync<FaultException>(refused)).Code;

    private static string[] Raw(IEnumerable<byte[]> names) => [.. names.Select(Convert.ToHexString).Order(StringComparer.Ordinal)];

    private static string[] Raw(string path)
    {
        using var directory = Fcntl.Open(path, Fcntl.ReadOnly | Fcntl.Directory);
        using var names = new Dirent(directory);
        List<byte[]> all = [];
        while (names.Next() is { } name)
        {
            all.Add(name.Bytes.ToArray());
        }

        return Raw(all);
    }
}
