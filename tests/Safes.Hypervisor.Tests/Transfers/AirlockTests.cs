#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the scene
using System.Security.Cryptography;
using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Client.Transfers;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Tests.Api;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Linux;
using Safes.Rules;
using Safes.Transfer;

namespace Safes.Hypervisor.Tests.Transfers;

public sealed class AirlockTests
{
    private const int Mega = 1 << 20;

    [Theory(Timeout = 60_000)]
    [InlineData(DataOut.FourEyes)]
    [InlineData(DataOut.Closed)]
    public async Task What_another_owner_approved_leaves_and_nothing_else(DataOut mode)
    {
        await using var scene = await Scene.TeamAsync(mode);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        byte[] table = Scene.Random((3 * Mega) + 5);
        Directory.CreateDirectory(scene.Share("outbox/deep"));
        File.WriteAllBytes(scene.Share("outbox/deep/table"), table);
        File.WriteAllText(scene.Share("outbox/words.txt"), "a few words");
        File.CreateSymbolicLink(scene.Share("outbox/link"), "/etc/passwd");
        File.WriteAllText(scene.Share("other"), "not in the outbox");

        var asked = await Of(scene.Server).AskAsync([FilePath.Parse("outbox")], "for the journal", default);
        Assert.Equal((1ul, 2ul, 1ul, OutState.OutWaiting), (asked.Number, asked.Files, asked.LeftOut, asked.State));
        List<OutFile> list = [];
        await foreach (var file in Of(bob).FilesAsync(1, default))
        {
            list.Add(file);
        }

        Assert.Equal(
            [("outbox/deep/table", table.Length, "data", Convert.ToHexString(SHA256.HashData(table))), ("outbox/words.txt", 11, "text", Convert.ToHexString(SHA256.HashData("a few words"u8)))],
            list.Select(f => (f.Path.ToStringUtf8(), (int)f.Length, f.Type, Convert.ToHexString(f.Sha256.Span))).OrderBy(f => f.Item1, StringComparer.Ordinal));
        Assert.Equal(FaultCodes.NeedsApproval, await CodeAsync(() => scene.GetAsync(["outbox"], scene.Device("early"), request: 1)));
        Assert.Equal(1, (await scene.GetAsync(["outbox/words.txt"], scene.Device("look"), request: 1, by: bob, look: true)).Files);

        Assert.Equal("bob", (await Of(bob).DecideAsync(1, approve: true, "no names in it", default)).DecidedBy);
        Assert.Equal(2, (await scene.GetAsync(["outbox"], scene.Device("out"), request: 1)).Files);
        Assert.Equal(table, File.ReadAllBytes(scene.Device("out/deep/table")));
        Assert.Equal(["deep", "deep/table", "words.txt"], Scene.Names(scene.Device("out")));
        Assert.Equal([FaultCodes.FileUnknown], await RawAsync(scene.Server, 1, "other"));
        Assert.Equal(FaultCodes.NeedsApproval, await CodeAsync(() => scene.GetAsync(["outbox"], scene.Device("x"))));
        Assert.Equal(
            ["1 asked member=anna", "1 looked member=bob", "1 approved member=bob", "1 got member=anna", "1 got member=anna"],
            (await LogAsync(scene)).Select(l => string.Join(' ', l.Split(' ')[1..4])));
        Assert.Contains("reason=no%20names%20in%20it", (await LogAsync(scene))[2], StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task What_a_request_holds_is_not_hidden_among_the_files_that_are_there()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        foreach (string name in (string[])[".bashrc", ".ssh/authorized_keys", "deep/.note", "words"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(scene.Share($"outbox/{name}"))!);
            File.WriteAllText(scene.Share($"outbox/{name}"), name);
        }

        await Of(scene.Server).AskAsync([FilePath.Parse("outbox")], "why", default);
        await Of(bob).DecideAsync(1, approve: true, "because", default);
        Directory.CreateDirectory(scene.Device("home"));
        var into = await scene.GetAsync(["outbox"], scene.Device("home"), request: 1);
        Assert.Equal([(FaultCodes.FileName, "outbox/.bashrc"), (FaultCodes.FileName, "outbox/.ssh/authorized_keys")], into.Failed.Select(f => (f.Fault.Code, f.Path)).Order());
        Assert.Equal(["deep", "deep/.note", "words"], Scene.Names(scene.Device("home")));

        Assert.Empty((await scene.GetAsync(["outbox/.bashrc"], scene.Device("home"), request: 1)).Failed);     // he named it himself
        Assert.Empty((await scene.GetAsync(["outbox"], scene.Device("new"), request: 1)).Failed);
        Assert.Equal([".bashrc", ".ssh", ".ssh/authorized_keys", "deep", "deep/.note", "words"], Scene.Names(scene.Device("new")));
    }

    [Fact(Timeout = 60_000)]
    public async Task Of_a_file_that_changed_after_the_request_no_changed_byte_leaves()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        Directory.CreateDirectory(scene.Share("outbox"));
        byte[] content = Scene.Random(6 * Mega);
        File.WriteAllBytes(scene.Share("outbox/f"), content);
        await Of(scene.Server).AskAsync([FilePath.Parse("outbox/f")], "why", default);
        await Of(bob).DecideAsync(1, approve: true, "fine", default);
        var time = File.GetLastWriteTimeUtc(scene.Share("outbox/f"));
        byte[] secret = [.. content];
        "the secret"u8.CopyTo(secret.AsSpan((3 * Mega) + 77));
        File.WriteAllBytes(scene.Share("outbox/f"), secret);
        File.SetLastWriteTimeUtc(scene.Share("outbox/f"), time);    // as a hostile host would

        using var call = scene.Server.Inside.Get(default);
        await call.RequestStream.WriteAsync(new GetRequest { Path = ByteString.CopyFromUtf8("outbox/f"), Out = 1 });
        List<byte> left = [];
        while (await call.ResponseStream.MoveNext(default) && call.ResponseStream.Current.Done is null)
        {
            left.AddRange(call.ResponseStream.Current.Piece?.Data.ToByteArray() ?? []);
        }

        Assert.Equal("request-changed", call.ResponseStream.Current.Done!.Fault.Code);
        Assert.True(content.AsSpan(0, 3 * Mega).SequenceEqual(left.ToArray()));
        Assert.Equal([FaultCodes.RequestChanged], (await scene.GetAsync(["outbox"], scene.Device("out"), request: 1)).Failed.Select(f => f.Fault.Code));
        Assert.False(File.Exists(scene.Device("out/f")));
        File.WriteAllBytes(scene.Share("outbox/f"), secret[..^1]);
        Assert.Equal([FaultCodes.RequestChanged], await RawAsync(scene.Server, 1, "outbox/f"));
        File.WriteAllBytes(scene.Share("outbox/f"), content);
        Assert.Equal(1, (await scene.GetAsync(["outbox"], scene.Device("out"), request: 1)).Files);    // the same again: that was approved
    }

    [Fact(Timeout = 60_000)]
    public async Task Who_may_not_decide_does_not_and_what_is_decided_stays_so()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        using var carl = await scene.JoinAsync(scene.Safe.Ledger.People[2]);
        Directory.CreateDirectory(scene.Share("outbox"));
        File.WriteAllText(scene.Share("outbox/f"), "words");
        File.WriteAllText(scene.Share("inside"), "words");
        FilePath[] f = [FilePath.Parse("outbox/f")];
        Assert.Equal(FaultCodes.FileKind, await CodeAsync(() => Of(carl).AskAsync([FilePath.Parse("inside")], "why", default)));
        Assert.Equal(FaultCodes.FileUnknown, await CodeAsync(() => Of(carl).AskAsync([FilePath.Parse("outbox/none")], "why", default)));
        Assert.Equal(FaultCodes.BadRequest, await CodeAsync(() => Of(carl).AskAsync(f, " ", default)));
        Assert.Empty(await Of(carl).ListAsync(default));

        foreach (var (number, by) in ((ulong, Server)[])[(1, scene.Server), (2, carl)])
        {
            Assert.Equal(number, (await Of(by).AskAsync(f, "why", default)).Number);
        }

        Assert.Equal(FaultCodes.RequestOwn, await CodeAsync(() => Of(scene.Server).DecideAsync(1, true, "I say so", default)));
        Assert.Equal(FaultCodes.RequestOwn, await CodeAsync(() => scene.GetAsync(["outbox"], scene.Device("own"), request: 1, look: true)));    // nor by looking
        Assert.Equal(FaultCodes.NotOwner, await CodeAsync(() => Of(carl).DecideAsync(1, true, "I say so", default)));
        Assert.Equal(FaultCodes.NotOwner, await CodeAsync(() => scene.GetAsync(["outbox"], scene.Device("own"), request: 1, by: carl, look: true)));
        Assert.Equal(FaultCodes.RequestUnknown, await CodeAsync(() => Of(bob).DecideAsync(9, true, "what?", default)));
        Assert.Equal(FaultCodes.BadRequest, await CodeAsync(() => scene.Server.Inside.CallAsync(
            (c, o) => c.DecideOutAsync(new DecideOutRequest { Number = 2, Approve = true, Reason = "another list", Digest = ByteString.CopyFrom(new byte[32]) }, o), TimeSpan.FromSeconds(20), default)));
        Assert.Equal(OutState.OutRefused, (await Of(bob).DecideAsync(1, false, "row 7 names a person", default)).State);
        Assert.Equal(FaultCodes.RequestDecided, await CodeAsync(() => Of(bob).DecideAsync(1, true, "after all", default)));
        Assert.Equal(FaultCodes.NeedsApproval, await CodeAsync(() => scene.GetAsync(["outbox"], scene.Device("own"), request: 1)));
        Assert.Equal([FaultCodes.NeedsApproval], await RawAsync(scene.Server, 1, "outbox/f"));
        Assert.Equal([OutState.OutRefused, OutState.OutWaiting], (await Of(carl).ListAsync(default)).Select(e => e.State));
        Assert.False(Directory.Exists(scene.Device("own")));
    }

    [Theory(Timeout = 60_000)]
    [InlineData(DataOut.FourEyes)]
    [InlineData(DataOut.Closed)]
    public async Task Before_a_decision_a_request_tells_members_nothing_that_a_host_has_chosen(DataOut mode)
    {
        await using var scene = await Scene.TeamAsync(mode);
        using var carl = await scene.JoinAsync(scene.Safe.Ledger.People[2]);
        Directory.CreateDirectory(scene.Share("outbox"));
        for (int i = 0; i < 5; i++)
        {
            File.WriteAllText(scene.Share($"outbox/secret-{i}"), "1234567");
        }

        var told = await Of(carl).AskAsync([FilePath.Parse("outbox")], "why", default);
        Assert.Equal((8ul, 64ul, ""), (told.Files, told.Bytes, told.Digest.ToBase64()));    // of 5 and 35
        Assert.Equal(told, (await Of(carl).ListAsync(default)).Single());
        Assert.Equal(FaultCodes.NeedsApproval, await CodeAsync(async () => await Of(carl).FilesAsync(1, default).GetAsyncEnumerator().MoveNextAsync()));
        Assert.DoesNotMatch("secret|digest|files=|bytes=|sha256", string.Join('\n', await LogAsync(carl)));

        var seen = (await Of(scene.Server).ListAsync(default)).Single();
        Assert.Equal((5ul, 35ul, 32), (seen.Files, seen.Bytes, seen.Digest.Length));
        Assert.Matches("files=5 bytes=35 digest=[0-9a-f]{64}", string.Join('\n', await LogAsync(scene)));
        await Of(scene.Server).DecideAsync(1, approve: true, "fine", default);
        Assert.Equal(35ul, (await Of(carl).ListAsync(default)).Single().Bytes);
        Assert.True(await Of(carl).FilesAsync(1, default).GetAsyncEnumerator().MoveNextAsync());
    }

    [Fact(Timeout = 60_000)]
    public async Task What_a_host_does_to_an_approved_file_s_time_mode_and_holes_does_not_leave_with_it()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        Directory.CreateDirectory(scene.Share("outbox"));
        Scene.Sparse(scene.Share("outbox/f"), 2 * Mega, (8, 4));
        var asked = await Of(scene.Server).AskAsync([FilePath.Parse("outbox/f")], "why", default);
        await Of(bob).DecideAsync(1, true, "fine", default);
        byte[] content = File.ReadAllBytes(scene.Share("outbox/f"));
        string before = await ToldAsync();
        Assert.Equal(asked.AskedUnix, new DateTimeOffset(File.GetLastWriteTimeUtc(await GotAsync("one"))).ToUnixTimeSeconds());
        using (var file = Fcntl.Open(scene.Share("outbox/f"), Fcntl.ReadWrite))
        {
            RandomAccess.Write(file, content.AsSpan(100 * 4096, 4096), 100 * 4096);    // a hole becomes data, of the same zeros
        }

        File.SetUnixFileMode(scene.Share("outbox/f"), (UnixFileMode)0x1fd);
        File.SetLastWriteTimeUtc(scene.Share("outbox/f"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        Assert.Equal(before, await ToldAsync());
        Assert.Equal(content, File.ReadAllBytes(await GotAsync("two")));

        async Task<string> GotAsync(string name)
        {
            Assert.Equal(1, (await scene.GetAsync(["outbox/f"], scene.Device(name), request: 1)).Files);
            return scene.Device(name);
        }

        // All that is told but the bytes themselves.
        async Task<string> ToldAsync()
        {
            using var call = scene.Server.Inside.Get(default);
            await call.RequestStream.WriteAsync(new GetRequest { Path = ByteString.CopyFromUtf8("outbox/f"), Out = 1 });
            List<string> told = [];
            while (await call.ResponseStream.MoveNext(default) && call.ResponseStream.Current is { Done: null } reply)
            {
                told.Add(reply.Piece is { Data.Length: > 0 } piece ? $"{piece.Data.Length}" : reply.ToString());
            }

            return string.Join(' ', told);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_request_is_bounded_stops_when_it_is_told_to_and_names_nothing_twice()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        var by = new Airlocks.Visitor(scene.Safe.Ledger.Vault.Roster!.Members[2], "laptop", true, false);
        var airlock = AirlockOf(scene);
        Directory.CreateDirectory(scene.Share("outbox/deep"));
        File.WriteAllText(scene.Share("outbox/deep/f"), "words");
        foreach (string[] paths in (string[][])[["outbox", "outbox"], ["outbox/deep/f", "outbox"], ["outbox", "outbox/deep"]])
        {
            Assert.Equal(FaultCodes.FileKind, Assert.Throws<FaultException>(() => Ask([.. paths], default)).Code);
        }

        await Tool.RunAsync("mkfifo", [scene.Share("outbox/deep/pipe")]);
        File.Delete(scene.Share("outbox/deep/f"));
        Assert.Throws<OperationCanceledException>(() => Ask(["outbox"], new CancellationToken(canceled: true)));
        for (int i = 0; i < 4300; i++)
        {
            File.WriteAllText(scene.Share($"outbox/{i:d4}{new string('n', 245)}"), "");
        }

        Assert.Contains("a mebibyte of names", Assert.Throws<FaultException>(() => Ask(["outbox"], default)).Details["what"], StringComparison.Ordinal);
        Assert.Empty(airlock.Entries);
        Assert.Empty(Directory.GetFileSystemEntries(scene.Volume("out")));

        void Ask(string[] paths, CancellationToken stop) => airlock.Ask(by, [.. paths.Select(FilePath.Parse)], "why", DateTimeOffset.UtcNow, stop);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_request_that_was_half_taken_away_or_damaged_costs_no_other_one_and_its_number_stays_its_own()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        Directory.CreateDirectory(scene.Share("outbox"));
        File.WriteAllText(scene.Share("outbox/f"), "words");
        for (int i = 0; i < 4; i++)
        {
            await Of(scene.Server).AskAsync([FilePath.Parse("outbox/f")], "why", default);
        }

        File.Delete(scene.Volume("out/2/request"));
        File.WriteAllBytes(scene.Volume("out/4/request"), [0xff, 0xff, 0xff]);
        var again = AirlockOf(scene);
        Assert.Equal([1ul, 3ul], again.Entries.Select(e => e.Number));
        Assert.Equal([2ul, 4ul], again.Unreadable.Order());
        var by = new Airlocks.Visitor(scene.Safe.Ledger.Vault.Roster!.Members[0], "laptop", true, false);
        Assert.Equal(5ul, again.Ask(by, [FilePath.Parse("outbox/f")], "why", DateTimeOffset.UtcNow, default).Number);
        Assert.Equal(FaultCodes.RequestUnknown, Assert.Throws<FaultException>(() => again.Open(2, look: true, by)).Code);
    }

    [Fact(Timeout = 60_000)]
    public async Task Requests_and_decisions_outlive_a_restart()
    {
        await using var scene = await Scene.TeamAsync(DataOut.FourEyes);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        Directory.CreateDirectory(scene.Share("outbox"));
        File.WriteAllText(scene.Share("outbox/f"), "words");
        await Of(scene.Server).AskAsync([FilePath.Parse("outbox/f")], "one", default);
        await Of(scene.Server).AskAsync([FilePath.Parse("outbox/f")], "two", default);
        await Of(bob).DecideAsync(2, true, "fine", default);
        Directory.CreateDirectory(scene.Volume("out/.half"));    // safed ended while one was made
        var again = AirlockOf(scene);
        Assert.Equal(await Of(bob).ListAsync(default), again.Entries);
        Assert.Equal([(1ul, OutState.OutWaiting), (2ul, OutState.OutApproved)], again.Entries.Select(e => (e.Number, e.State)));
        Assert.False(Directory.Exists(scene.Volume("out/.half")));
        Assert.Equal(3, again.Log.Read().Count());
    }

    [Fact(Timeout = 60_000)]
    public async Task Where_data_out_is_closed_no_key_is_signed_and_no_console_shown()
    {
        await using var scene = await Scene.TeamAsync(DataOut.Closed);
        var calls = scene.Safe.ConnectInside(scene.Safe.Ledger.Anna);
        var headers = LoopbackSafe.In(scene.Opened);
        Assert.Equal("no-shell", await LoopbackSafe.RefusedAsync(async () => await calls.SignSshKeyAsync(new SshKeyRequest { PublicKey = "ssh-ed25519 AAAA" }, headers)));
        Assert.Equal("no-shell", await LoopbackSafe.RefusedAsync(() => calls.ReadConsole(new ConsoleRequest { Name = "desk" }, headers).ResponseStream.MoveNext(default)));
        scene.DataOut = DataOut.FourEyes;
        Assert.Equal("not-open", await LoopbackSafe.RefusedAsync(async () => await calls.SignSshKeyAsync(new SshKeyRequest { PublicKey = "ssh-ed25519 AAAA" }, headers)));    // there are no hosts here
    }

    /// <summary>As a safed sees it that was started anew.</summary>
    private static Airlocks.Airlock AirlockOf(Scene scene) => new(
        new FileTree(() => Fcntl.Open(scene.Volume(""), Fcntl.ReadOnly | Fcntl.Directory)), new FileTree(() => Fcntl.Open(scene.Share(""), Fcntl.ReadOnly | Fcntl.Directory)));

    private static OutRequests Of(Server server) => new(server);

    private static Task<string[]> LogAsync(Scene scene) => LogAsync(scene.Server);

    private static async Task<string[]> LogAsync(Server server)
    {
        List<string> lines = [];
        await foreach (string line in Of(server).LogAsync(default))
        {
            lines.Add(line);
        }

        return [.. lines];
    }

    /// <summary>What a device is answered that asks for a path of a request without asking first what the request holds.</summary>
    private static async Task<FaultCode[]> RawAsync(Server server, ulong request, string path)
    {
        using var call = server.Inside.Get(default);
        await call.RequestStream.WriteAsync(new GetRequest { Path = ByteString.CopyFromUtf8(path), Out = request });
        Assert.True(await call.ResponseStream.MoveNext(default));
        return [FaultCodes.Find(call.ResponseStream.Current.Done.Fault.Code)];
    }

    private static async Task<FaultCode> CodeAsync(Func<Task> refused) => (await Assert.ThrowsAsync<FaultException>(refused)).Code;
}
