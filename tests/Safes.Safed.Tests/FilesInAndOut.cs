using Google.Protobuf;
using Safes.Client.Transfers;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Rules;
using Safes.Transfer;

namespace Safes.Safed.Tests;

/// <summary>Files into a real volume and out of it, through the real `safed`.</summary>
[Trait("needs", "root")]
public sealed class FilesInAndOut : IDisposable
{
    private const int Mega = 1 << 20;

    private readonly string device = Directory.CreateTempSubdirectory("safes-files-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 240_000)]
    public async Task A_file_under_way_keeps_no_safe_open_and_goes_on_the_next_day()
    {
        await using var safe = await OpenAsync();
        byte[] content = Random(20 * Mega);
        File.WriteAllBytes(At("large"), content);
        Sparse(At("sparse"));
        using (var file = Fcntl.Open(At("large"), Fcntl.ReadOnly))
        using (var call = safe.Owner.Server.Inside.Put(default))
        {
            await SendAsync(call, file, blocks: 8);
            for (string place = $"{Share(safe)}/../transfers"; new FileInfo(Directory.GetFiles(place, "*.checks").Single()).Length < 32 * 9; await Task.Delay(20, Stop)) { }

            await safe.Owner.LeaveAsync();    // with the stream still open
        }

        await safe.UntilAsync("closed");
        Assert.False(safe.IsAttached);

        safe.Owner.Drop();
        await safe.Owner.OpenAsync();
        await safe.Owner.Hold().Begun;
        var put = await PutAsync(safe, [At("large"), At("sparse")], "in");
        Assert.Equal((2L, 0L), (put.Files, put.Failures));
        Assert.InRange(put.Sent, 12 * Mega, 14 * Mega);
        string share = Share(safe);
        Assert.Equal(content, File.ReadAllBytes($"{share}/in/large"));
        var status = Stat.Find($"{share}/in/large")!.Value;
        Assert.Equal((3001u, 3000u, 0x1b4u), (status.User, status.Group, status.Permissions));
        Assert.Equal((3001u, 3000u, 0x5fdu), Stat.Find($"{share}/in") is { } d ? (d.User, d.Group, d.Permissions) : default);
        Assert.InRange(Stat.Find($"{share}/in/sparse")!.Value.AllocatedBytes, Mega, 2 * Mega);

        var got = await GetAsync(safe, "in", At("back"));
        Assert.Equal((2L, 0L), (got.Files, got.Failures));
        Assert.Equal(content, File.ReadAllBytes(At("back/large")));
        Assert.True(File.ReadAllBytes(At("sparse")).AsSpan().SequenceEqual(File.ReadAllBytes(At("back/sparse"))));
        await safe.Owner.LeaveAsync();
        await safe.UntilAsync("closed");
    }

    [Fact(Timeout = 240_000)]
    public async Task A_full_volume_takes_no_file_keeps_nothing_of_it_and_goes_on()
    {
        await using var safe = await OpenAsync();
        File.WriteAllBytes(At("first"), Random(100 * Mega));
        Assert.Equal(0, (await PutAsync(safe, [At("first")], "in")).Failures);
        File.WriteAllBytes(At("second"), Random(100 * Mega));
        Assert.Equal([FaultCodes.ShareFull], (await PutAsync(safe, [At("second")], "in")).Failed.Select(f => f.Fault.Code));

        // A device that says less than it sends meets the end of the volume itself.
        using (var file = Fcntl.Open(At("second"), Fcntl.ReadOnly))
        using (var call = safe.Owner.Server.Inside.Put(default))
        {
            await SendAsync(call, file, blocks: 100, dataBytes: 1, name: "liar");
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            Assert.Equal("share-full", call.ResponseStream.Current.Done.Fault.Code);
        }

        Assert.Empty(Directory.GetFileSystemEntries($"{Share(safe)}/../transfers"));
        File.WriteAllText(At("small"), "words");
        Assert.Equal(0, (await PutAsync(safe, [At("small")], "in")).Failures);
        Assert.Equal(["first", "small"], Directory.GetFileSystemEntries($"{Share(safe)}/in").Select(Path.GetFileName).Order());
        await safe.Owner.LeaveAsync();
        await safe.UntilAsync("closed");
    }

    [Fact(Timeout = 240_000)]
    public async Task A_file_longer_than_any_can_be_there_is_refused_by_its_code_and_the_others_of_its_stream_get_in()
    {
        await using var safe = await OpenAsync();
        using var call = safe.Owner.Server.Inside.Put(default);
        foreach (var (name, length) in ((string, ulong)[])[("endless", 1UL << 61), ("empty", 0)])
        {
            await call.RequestStream.WriteAsync(new PutRequest { File = new PutFile { Path = ByteString.CopyFromUtf8($"in/{name}"), Length = length } });
            await call.RequestStream.WriteAsync(new PutRequest { End = new PutEnd() });
        }

        await call.RequestStream.CompleteAsync();
        var codes = new List<string?>();
        while (await call.ResponseStream.MoveNext(Stop))
        {
            codes.Add(call.ResponseStream.Current.Done?.Fault?.Code);
        }

        Assert.Equal(["file-kind", null], codes);
        Assert.Equal(["empty"], Directory.GetFileSystemEntries($"{Share(safe)}/in").Select(Path.GetFileName));
        Assert.Empty(Directory.GetFileSystemEntries($"{Share(safe)}/../transfers"));
        await safe.Owner.LeaveAsync();
        await safe.UntilAsync("closed");
    }

    [Fact(Timeout = 900_000)]
    [Trait("takes", "long")]
    public async Task Ten_gibibytes_go_in_and_out_in_the_memory_of_a_few_blocks()
    {
        const int mostMore = 48;
        await using var safe = await OpenAsync();
        File.WriteAllBytes(At("small"), Random(8 * Mega));
        await PutAsync(safe, [At("small")], "in");
        double before = Footprint.Of(safe.Pid).Own, most = 0;
        using (var file = Fcntl.Open(At("huge"), Fcntl.ReadWrite | Fcntl.Create))
        {
            RandomAccess.SetLength(file, 10L << 30);
            foreach (long at in (long[])[0, 5L << 30, (10L << 30) - (32 * Mega)])
            {
                RandomAccess.Write(file, Random(32 * Mega), at);
            }
        }

        foreach (var transfer in (Func<Task<TransferOutcome>>[])[() => PutAsync(safe, [At("huge")], "in"), () => GetAsync(safe, "in/huge", At("back"))])
        {
            var begun = BootClock.Now;
            var going = transfer();
            for (; !going.IsCompleted; await Task.WhenAny(going, Task.Delay(200, Stop)))
            {
                most = Math.Max(most, Footprint.Of(safe.Pid).Own);
            }

            Assert.Equal((1L, 0L, 96L * Mega), ((await going).Files, (await going).Failures, (await going).Sent));
            TestContext.Current.TestOutputHelper!.WriteLine($"{(BootClock.Now - begun).TotalSeconds:0.0} s; safed {before:0} MiB before, {most:0} MiB at most");
        }

        Assert.InRange(most, 0, before + mostMore);
        Assert.InRange(Stat.Find(At("back"))!.Value.AllocatedBytes, 96 * Mega, 100 * Mega);
        await safe.Owner.LeaveAsync();
    }

    [Fact(Timeout = 240_000)]
    public async Task The_owners_rule_about_data_out_holds_at_once()
    {
        await using var safe = await OpenAsync();
        Directory.CreateDirectory($"{Share(safe)}/outbox");
        File.WriteAllText($"{Share(safe)}/outbox/file", "words");
        Assert.Equal(1, (await GetAsync(safe, "outbox", At("free"))).Files);
        var owner = safe.Owner;
        var rule = RuleEntry.Sign(RuleBook.Empty(owner.Roster!.Safe), owner.Roster, owner.Keys.Device, owner.Keys.Signing, new DataOutRule(DataOut.Closed), DateTimeOffset.UtcNow);
        await owner.Server.Inside.CallAsync((c, o) => c.ChangeRulesAsync(new ChangeRulesRequest { Entry = ByteString.CopyFrom(rule.Bytes.Span) }, o), RealSafe.Patience, Stop);
        Assert.Equal(FaultCodes.NeedsApproval, (await Assert.ThrowsAsync<FaultException>(() => GetAsync(safe, "outbox", At("closed")))).Code);
        Assert.Equal(FaultCodes.NoShell, (await Assert.ThrowsAsync<FaultException>(() => owner.Server.Inside.CallAsync(
            (c, o) => c.SignSshKeyAsync(new SshKeyRequest { PublicKey = "ssh-ed25519 AAAA" }, o), RealSafe.Patience, Stop))).Code);
        await new OutRequests(owner.Server).AskAsync([FilePath.Parse("outbox")], "for the journal", Stop);
        Assert.Contains("1 request waits for an owner to let files out: safe out list", (await owner.StatusAsync()).Warnings);
        await owner.LeaveAsync();
        await safe.UntilAsync("closed");
    }

    public void Dispose() => Directory.Delete(device, recursive: true);

    private static async Task<RealSafe> OpenAsync()
    {
        var safe = await RealSafe.StartAsync(RealSafe.Long with { VolumeBytes = 192 << 20 });
        await safe.Owner.OpenAsync();
        await safe.Owner.Hold().Begun;
        return safe;
    }

    private string At(string name) => Path.Combine(device, name);

    private static string Share(RealSafe safe) =>
        Directory.GetDirectories($"/proc/{safe.Pid}/root{safe.Paths.MountPoint}").Select(d => Path.Combine(d, "share")).Single(Directory.Exists);

    private static async Task<TransferOutcome> PutAsync(RealSafe safe, string[] local, string target)
    {
        var putting = new Putting(safe.Owner.Server, await Putting.AimAsync(safe.Owner.Server, local, FilePath.Parse(target), slash: true, Stop), replace: false);
        await putting.RunAsync(Stop);
        return putting.Outcome;
    }

    private static async Task<TransferOutcome> GetAsync(RealSafe safe, string remote, string destination)
    {
        var getting = new Getting(safe.Owner.Server, [FilePath.Parse(remote)], destination, replace: false);
        await getting.RunAsync(Stop);
        return getting.Outcome;
    }

    /// <summary>The first blocks of a file, and no end.</summary>
    private static async Task SendAsync(
        Grpc.Core.AsyncDuplexStreamingCall<PutRequest, PutReply> call, Microsoft.Win32.SafeHandles.SafeFileHandle file, int blocks, ulong? dataBytes = null, string name = "large")
    {
        var status = Stat.Of(file);
        using var reader = new BlockReader(file, FilePath.Parse(name), status.Length);
        await call.RequestStream.WriteAsync(new PutRequest
        {
            File = new PutFile
            {
                Path = ByteString.CopyFromUtf8($"in/{name}"),
                Length = (ulong)status.Length,
                DataBytes = dataBytes ?? (ulong)status.Length,
                ModifiedUnixNs = status.ModifiedNanoseconds,
                Ask = true,
            },
        });
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        var block = new Block();
        for (int i = 0; i < blocks; i++)
        {
            reader.Read(block);
            foreach (var piece in Pieces.Of(block))
            {
                await call.RequestStream.WriteAsync(new PutRequest { Piece = piece });
            }
        }
    }

    private static byte[] Random(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static void Sparse(string path)
    {
        using var file = Fcntl.Open(path, Fcntl.ReadWrite | Fcntl.Create);
        RandomAccess.SetLength(file, 100 * Mega);
        RandomAccess.Write(file, Random(Mega), 50 * Mega);
    }
}
