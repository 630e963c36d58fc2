using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts.V1;
using Safes.Rules;

namespace Safes.Safed.Tests;

/// <summary>
/// Each call that there is, made so that what it carries can be looked for afterwards: what is put, asked and named has the canary in it. A call
/// that cannot succeed without guests is made all the same: what it was told must not stay either. `safe.proto` is compared with this list.
/// </summary>
internal static class InsideCalls
{
    /// <summary>Calls of the part that is always there; they carry nothing of the inside, and what they carry is looked for with the rest.</summary>
    public static IReadOnlyList<string> Resident { get; } =
    [
        "Hello", "GetRoster", "GetOneTimeKey", "Claim", "Join", "Open", "Resume", "Renew", "Leave", "GetInside", "ChangeRoster",
    ];

    public delegate Task Call(Inside.InsideClient calls, CallOptions options, Canaries canaries, Laptop by);

    public static IReadOnlyDictionary<string, Call> All { get; } = new Dictionary<string, Call>
    {
        ["Put"] = async (c, o, x, _) =>
        {
            using var call = c.Put(o);
            byte[] content = x.Content("put");
            await call.RequestStream.WriteAsync(new PutRequest
            {
                File = new PutFile { Path = x.Path("put"), Length = (ulong)content.Length, DataBytes = (ulong)content.Length },
            });
            foreach (byte[] piece in content.Chunk(32 << 10))
            {
                await call.RequestStream.WriteAsync(new PutRequest { Piece = new Piece { Data = ByteString.CopyFrom(piece) } });
            }

            await call.RequestStream.WriteAsync(new PutRequest
            {
                Piece = new Piece { Check = ByteString.CopyFrom(System.Security.Cryptography.SHA256.HashData(content)) },
            });
            await call.RequestStream.WriteAsync(new PutRequest { End = new PutEnd() });
            await call.RequestStream.CompleteAsync();
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Null(call.ResponseStream.Current.Done?.Fault);
        },
        ["Get"] = async (c, o, x, _) =>
        {
            using var call = c.Get(o);
            await call.RequestStream.WriteAsync(new GetRequest { Path = x.Path("get") });
            await call.RequestStream.WriteAsync(new GetRequest { Path = x.Path("get that is not there") });
            await call.RequestStream.CompleteAsync();
            while (await call.ResponseStream.MoveNext(default))
            {
            }
        },
        ["ListFiles"] = (c, o, x, _) => ReadAsync(c.ListFiles(new ListFilesRequest { All = true }, o)),
        ["AskOut"] = async (c, o, x, _) => await c.AskOutAsync(new AskOutRequest { Paths = { ByteString.CopyFromUtf8("outbox") }, Reason = x.Text("reason") }, o),
        ["ListOut"] = (c, o, _, _) => ReadAsync(c.ListOut(new ListOutRequest(), o)),
        ["ShowOut"] = (c, o, _, _) => ReadAsync(c.ShowOut(new OutNumber { Number = 1 }, o)),
        ["DecideOut"] = async (c, o, x, _) => await RefusedAsync(async () => await c.DecideOutAsync(
            new DecideOutRequest { Number = 1, Approve = true, Reason = x.Text("decision") }, o)),
        ["ReadOutLog"] = (c, o, _, _) => ReadAsync(c.ReadOutLog(new ReadOutLogRequest(), o)),
        ["GetRules"] = async (c, o, _, _) => await c.GetRulesAsync(new RulesRequest(), o),
        ["ChangeRules"] = async (c, o, x, by) =>
        {
            var rule = RuleEntry.Sign(
                RuleBook.Empty(by.Roster!.Safe), by.Roster, by.Keys.Device, by.Keys.Signing, new ExposeRule(x.Name("exposed"), 8888), DateTimeOffset.UtcNow);
            await c.ChangeRulesAsync(new ChangeRulesRequest { Entry = ByteString.CopyFrom(rule.Bytes.Span) }, o);
        },
        ["ReadRuleLog"] = async (c, o, _, _) => await c.ReadRuleLogAsync(new RuleLogRequest { LastBytes = 4096 }, o),
        ["AddHost"] = (c, o, x, _) => RefusedAsync(() => ReadAsync(c.AddHost(new AddHostRequest { Name = x.Name("added"), Image = x.Name("image") }, o))),
        ["StartHost"] = (c, o, x, _) => RefusedAsync(() => ReadAsync(c.StartHost(new StartHostRequest { Name = x.Name("started") }, o))),
        ["StopHost"] = (c, o, x, _) => RefusedAsync(() => ReadAsync(c.StopHost(new HostRequest { Name = x.Name("stopped") }, o))),
        ["ResizeHost"] = (c, o, x, _) => RefusedAsync(() => ReadAsync(c.ResizeHost(new ResizeHostRequest { Name = x.Name("resized") }, o))),
        ["RemoveHost"] = (c, o, x, _) => RefusedAsync(() => ReadAsync(c.RemoveHost(new HostRequest { Name = x.Name("removed") }, o))),
        ["ReadConsole"] = (c, o, x, _) => RefusedAsync(() => ReadAsync(c.ReadConsole(new ConsoleRequest { Name = x.Name("console") }, o))),
        ["SignSshKey"] = (c, o, x, _) => RefusedAsync(async () => await c.SignSshKeyAsync(new SshKeyRequest { PublicKey = x.Text("key") }, o)),
        ["GetNetwork"] = async (c, o, _, _) => await c.GetNetworkAsync(new NetworkRequest(), o),
        ["GetStatus"] = async (c, o, _, _) => await c.GetStatusAsync(new StatusRequest { Share = true }, o),
        ["Look"] = async (c, o, _, _) => await c.LookAsync(new LookRequest(), o),
        ["Watch"] = async (c, o, _, _) =>
        {
            using var watch = c.Watch(new WatchRequest(), o);
            await watch.ResponseHeadersAsync.WaitAsync(TimeSpan.FromSeconds(1)).ContinueWith(_ => { }, TaskScheduler.Default);
        },
    };

    private static async Task ReadAsync<T>(AsyncServerStreamingCall<T> call)
    {
        using (call)
        {
            while (await call.ResponseStream.MoveNext(default))
            {
            }
        }
    }

    private static async Task RefusedAsync(Func<Task> call) => await Assert.ThrowsAsync<RpcException>(call);
}

/// <summary>Words that stand nowhere else: as names, as text, as a file's content. Each is looked for in every form in which a program may have it.</summary>
internal sealed class Canaries
{
    private readonly Dictionary<string, string> words = [];

    /// <summary>What to look for, by what it is a form of.</summary>
    public Dictionary<string, byte[]> Patterns => words.SelectMany(w => new (string, byte[])[]
    {
        (w.Key, System.Text.Encoding.UTF8.GetBytes(w.Value)),
        (w.Key + ", UTF-16", System.Text.Encoding.Unicode.GetBytes(w.Value)),
        (w.Key + ", base64", System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(w.Value))[..^4])),
        (w.Key + ", percent", System.Text.Encoding.ASCII.GetBytes(Uri.EscapeDataString(w.Value + " +"))),
    }).ToDictionary(p => p.Item1, p => p.Item2);

    /// <summary>A host's name.</summary>
    public string Name(string what) => Word(what);

    public string Text(string what) => Word(what);

    public ByteString Path(string what) => ByteString.CopyFromUtf8($"in/{Word("path of " + what)}");

    /// <summary>1 MiB of it.</summary>
    public byte[] Content(string what)
    {
        byte[] line = System.Text.Encoding.UTF8.GetBytes(Word("content of " + what) + "\n");
        byte[] content = new byte[1 << 20];
        for (int at = 0; at < content.Length; at += line.Length)
        {
            line.AsSpan(0, Math.Min(line.Length, content.Length - at)).CopyTo(content.AsSpan(at));
        }

        return content;
    }

    private string Word(string what)
    {
        if (!words.TryGetValue(what, out string? word))
        {
            words[what] = word = "c" + Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(12));
        }

        return word;
    }
}
