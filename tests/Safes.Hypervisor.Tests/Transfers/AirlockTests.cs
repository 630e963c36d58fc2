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
        await using var scene = await TeamAsync(mode);
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
    public async Task Of_a_file_that_changed_after_the_request_no_changed_byte_leaves()
    {
        await using var scene = await TeamAsync(DataOut.FourEyes);
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

        using var call = scene.Server.Calls.Get(default);
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
        await using var scene = await TeamAsync(DataOut.FourEyes);
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
        Assert.Equal(FaultCodes.BadRequest, await CodeAsync(() => scene.Server.Calls.CallAsync(
            (c, o) => c.DecideOutAsync(new DecideOutRequest { Number = 2, Approve = true, Reason = "another list", Digest = ByteString.CopyFrom(new byte[32]) }, o), TimeSpan.FromSeconds(20), default)));
        Assert.Equal(OutState.OutRefused, (await Of(bob).DecideAsync(1, false, "row 7 names a person", default)).State);
        Assert.Equal(FaultCodes.RequestDecided, await CodeAsync(() => Of(bob).DecideAsync(1, true, "after all", default)));
        Assert.Equal(FaultCodes.NeedsApproval, await CodeAsync(() => scene.GetAsync(["outbox"], scene.Device("own"), request: 1)));
        Assert.Equal([FaultCodes.NeedsApproval], await RawAsync(scene.Server, 1, "outbox/f"));
        Assert.Equal([OutState.OutRefused, OutState.OutWaiting], (await Of(carl).ListAsync(default)).Select(e => e.State));
        Assert.False(Directory.Exists(scene.Device("own")));
    }

    [Fact(Timeout = 60_000)]
    public async Task Requests_and_decisions_outlive_a_restart()
    {
        await using var scene = await TeamAsync(DataOut.FourEyes);
        using var bob = await scene.JoinAsync(scene.Safe.Ledger.People[1]);
        Directory.CreateDirectory(scene.Share("outbox"));
        File.WriteAllText(scene.Share("outbox/f"), "words");
        await Of(scene.Server).AskAsync([FilePath.Parse("outbox/f")], "one", default);
        await Of(scene.Server).AskAsync([FilePath.Parse("outbox/f")], "two", default);
        await Of(bob).DecideAsync(2, true, "fine", default);
        Directory.CreateDirectory(scene.Volume("out/.half"));    // safed ended while one was made
        var again = new Airlocks.Airlock(new FileTree(() => Fcntl.Open(scene.Volume(""), Fcntl.ReadOnly | Fcntl.Directory)), new FileTree(() => Fcntl.Open(scene.Share(""), Fcntl.ReadOnly | Fcntl.Directory)));
        Assert.Equal(await Of(bob).ListAsync(default), again.Entries);
        Assert.Equal([(1ul, OutState.OutWaiting), (2ul, OutState.OutApproved)], again.Entries.Select(e => (e.Number, e.State)));
        Assert.False(Directory.Exists(scene.Volume("out/.half")));
        Assert.Equal(3, again.Log.Read().Count());
    }

    [Fact(Timeout = 60_000)]
    public async Task Where_data_out_is_closed_no_key_is_signed_and_no_console_shown()
    {
        await using var scene = await TeamAsync(DataOut.Closed);
        var calls = scene.Safe.Connect(scene.Safe.Ledger.Anna);
        var headers = LoopbackSafe.In(scene.Opened);
        Assert.Equal("no-shell", await LoopbackSafe.RefusedAsync(async () => await calls.SignSshKeyAsync(new SshKeyRequest { PublicKey = "ssh-ed25519 AAAA" }, headers)));
        Assert.Equal("no-shell", await LoopbackSafe.RefusedAsync(() => calls.ReadConsole(new ConsoleRequest { Name = "desk" }, headers).ResponseStream.MoveNext(default)));
        scene.DataOut = DataOut.FourEyes;
        Assert.Equal("not-open", await LoopbackSafe.RefusedAsync(async () => await calls.SignSshKeyAsync(new SshKeyRequest { PublicKey = "ssh-ed25519 AAAA" }, headers)));    // there are no hosts here
    }

    /// <summary>Anna and bob own the safe, carl is a member.</summary>
    private static async Task<Scene> TeamAsync(DataOut mode)
    {
        var ledger = new Ledger();
        foreach (var (name, owner) in ((string, bool)[])[("bob", true), ("carl", false)])
        {
            var person = ledger.NewPerson(name);
            ledger.Add(ledger.Anna, person, owner);
            ledger.Join(person);
        }

        var scene = await Scene.OpenAsync(ledger);
        scene.DataOut = mode;
        return scene;
    }

    private static OutRequests Of(Server server) => new(server);

    private static async Task<string[]> LogAsync(Scene scene)
    {
        List<string> lines = [];
        await foreach (string line in Of(scene.Server).LogAsync(default))
        {
            lines.Add(line);
        }

        return [.. lines];
    }

    /// <summary>What a device is answered that asks for a path of a request without asking first what the request holds.</summary>
    private static async Task<FaultCode[]> RawAsync(Server server, ulong request, string path)
    {
        using var call = server.Calls.Get(default);
        await call.RequestStream.WriteAsync(new GetRequest { Path = ByteString.CopyFromUtf8(path), Out = request });
        Assert.True(await call.ResponseStream.MoveNext(default));
        return [FaultCodes.Find(call.ResponseStream.Current.Done.Fault.Code)];
    }

    private static async Task<FaultCode> CodeAsync(Func<Task> refused) => (await Assert.ThrowsAsync<FaultException>(refused)).Code;
}
