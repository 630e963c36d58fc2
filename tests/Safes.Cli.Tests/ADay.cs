using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Safes.Client.Tests.Fake;
using Safes.Linux;
using Safes.Roster;
using Safes.Tests;

namespace Safes.Cli.Tests;

/// <summary>
/// The real program through a day, in a network namespace where the tunnel's addresses are there already and the server is a
/// fake one that speaks the real protocol.
/// </summary>
[Trait("needs", "root")]
public sealed class ADay : IAsyncLifetime
{
    private const string Password = "correct horse battery";

    private readonly string network = $"safe-cli-{Environment.ProcessId}";
    private readonly StringBuilder shown = new();
    private SafeProgram safe = null!;
    private FakeServer server = null!;

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(Unistd.EffectiveUser == 0, "needs root for a network namespace");
        }

        await Tool.RunAsync("ip", ["netns", "add", network]);
        string pin = $"/run/netns/{network}";
        await Tool.RunAsync("ip", ["-batch", "-"], "link set lo up\naddress add 10.77.16.1/32 dev lo\naddress add 10.77.16.2/32 dev lo\n", pin);
        safe = new SafeProgram { Network = pin };
        server = await FakeServer.StartAsync(listen: () => Sched.InNetwork(pin, () =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse("10.77.16.1"), 7788));
            socket.Listen();
            return socket;
        }));
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
            safe.Dispose();
            await Tool.RunAsync("ip", ["netns", "delete", network]);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task From_an_id_to_leaving()
    {
        await EnrolAsync();
        await DoAsync(["open"], "not the password");
        Assert.False(File.Exists(safe.At(".config/safes/ledger/session/session.sock")));
        await DoAsync(["open"], Password);
        await DoAsync(["open"]);
        await DoAsync(["open", "--renew"], "not the password");
        await DoAsync(["open", "--renew"], Password);
        await DoAsync(["host", "add", "build"]);
        await DoAsync(["host", "add", "build"]);
        await DoAsync(["status"]);
        await DoAsync(["host", "list"]);
        await DoAsync(["host", "restart", "build"]);
        await DoAsync(["host", "stop", "build"]);
        await DoAsync(["host", "restart", "build"]);
        await DoAsync(["host", "restart", "web"]);
        await DoAsync(["host", "resize", "build", "--memory", "4G", "--cpus", "1"]);
        await DoAsync(["host", "resize", "build", "--disk", "10G"]);
        await DoAsync(["host", "resize", "build", "--memory", "0"]);
        await DoAsync(["host", "resize", "build", "--cpus", "0"]);
        await DoAsync(["host", "resize", "build", "--disk", "40"]);
        await DoAsync(["host", "resize", "build"]);
        await DoAsync(["host", "resize", "web", "--disk", "40GiB"]);
        await DoAsync(["host", "list"]);
        server.Safe.Hosts[0].State = "suspended";
        await DoAsync(["host", "restart", "build"]);
        await DoAsync(["host", "resize", "build", "--disk", "40G"]);
        await DoAsync(["host", "restart", "build", "--yes"]);
        await DoAsync(["host", "log", "build"]);
        Assert.Contains("✓ ledger           its server answers: open\n", (await safe.RunAsync(["doctor"])).Output, StringComparison.Ordinal);
        await DoAsync(["member", "list"]);
        string snippet = await File.ReadAllTextAsync(safe.At(".config/safes/ledger/ssh_config"), TestContext.Current.CancellationToken);
        Assert.Contains("Host build.ledger\n    HostName 10.77.17.10\n", snippet, StringComparison.Ordinal);
        await DoAsync(["leave"]);
        await DoAsync(["leave"]);
        await DoAsync(["status"]);
        Assert.False(File.Exists(safe.At(".config/safes/ledger/ssh_config")));
        Assert.Empty(Directory.GetFiles(safe.At(".config"), "id_ed25519*", SearchOption.AllDirectories));
        Transcript.Compare("day", shown.ToString().Replace(safe.At("x")[..^1], "~/", StringComparison.Ordinal));
    }

    [Fact(Timeout = 180_000)]
    public async Task Files_go_in_and_out()
    {
        await EnrolAsync();
        await safe.RunAsync(["open"], Password);
        shown.Clear();
        Directory.CreateDirectory(safe.At("papers/deep"));
        await File.WriteAllTextAsync(safe.At("papers/table.csv"), "a few words", TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(safe.At("papers/deep/large"), new byte[(5 << 20) + 3], TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(safe.At("papers/link"), "/etc/passwd");
        await DoAsync(["put", safe.At("papers"), "/safe/in/"]);
        await DoAsync(["put", safe.At("papers/table.csv"), "/safe/in/papers/"]);
        await File.WriteAllTextAsync(safe.At("papers/table.csv"), "other words", TestContext.Current.CancellationToken);
        await DoAsync(["put", safe.At("papers/table.csv"), "/safe/in/papers/table.csv"]);
        await DoAsync(["put", "--replace", safe.At("papers/table.csv"), "/safe/outbox/"]);
        await DoAsync(["put", safe.At("none"), "/safe/in/"]);
        await DoAsync(["put", safe.At("papers"), "/etc/"]);
        await DoAsync(["put", safe.At("papers/table.csv"), safe.At("papers/deep/large"), "/safe/new"]);
        await DoAsync(["get", "/safe/in", safe.At("back")]);
        Assert.Equal(new byte[(5 << 20) + 3], await File.ReadAllBytesAsync(safe.At("back/papers/deep/large"), TestContext.Current.CancellationToken));
        await DoAsync(["get", "/safe/none", safe.At("back")]);
        await DoAsync(["get", safe.At("back")]);
        server.Safe.NeedsApproval = true;
        await DoAsync(["get", "/safe/in", safe.At("again")]);
        await DoAsync(["out", "list"]);
        await DoAsync(["out", "request", "/safe/outbox/table.csv", "--reason", "for the journal"]);
        await DoAsync(["out", "list"]);
        await DoAsync(["out", "show", "1"]);
        await DoAsync(["get", "--request", "1", safe.At("out/")]);
        await DoAsync(["out", "approve", "1", "--reason", "I say so"]);
        await DoAsync(["out", "refuse", "7", "--reason", "what is it?"]);
        (server.Safe.Requests[0].State, server.Safe.Requests[0].DecidedBy) = (Contracts.V1.OutState.OutApproved, "bob");
        await DoAsync(["get", "--request", "1", safe.At("out/")]);
        Assert.Equal("other words", await File.ReadAllTextAsync(safe.At("out/table.csv"), TestContext.Current.CancellationToken));
        await DoAsync(["out", "log"]);
        var json = JsonNode.Parse((await safe.RunAsync(["put", safe.At("papers"), "/safe/in/", "--json"])).Output)!;
        Assert.Equal((2, 1, 1, 1), ((int)json["files"]! + (int)json["failed_count"]!, (int)json["skipped_count"]!, (int)json["failed_count"]!, (int)json["already"]!));
        Transcript.Compare("files", shown.ToString().Replace(safe.At("x")[..^1], "~/", StringComparison.Ordinal));
        await safe.RunAsync(["leave"]);
    }

    [Fact(Timeout = 180_000)]
    public async Task What_owners_decide_about_the_network()
    {
        await EnrolAsync();
        await safe.RunAsync(["open"], Password);
        await safe.RunAsync(["host", "add", "build"]);
        await safe.RunAsync(["host", "add", "desk"]);
        shown.Clear();
        await DoAsync(["rule", "list"]);
        await DoAsync(["rule", "allow", "build", "pypi", "--until", "2h"]);
        await DoAsync(["rule", "allow", "build", "git.example.org:443", "--methods", "GET,HEAD", "--upload-limit", "64K"]);
        await DoAsync(["rule", "allow", "build", "pypi", "--until", "1970-01-01"]);
        await DoAsync(["rule", "allow", "web", "pypi"]);
        await DoAsync(["rule", "allow", "build", "pipy"]);
        await DoAsync(["rule", "allow", "build", "10.0.0.1"]);
        await DoAsync(["rule", "allow", "build", "https://git.example.org/"]);
        await DoAsync(["rule", "allow", "build", "git.example.org:443", "--methods", "GET,HEAD", "--upload-limit", "64K"]);
        await DoAsync(["rule", "list"]);
        await DoAsync(["rule", "explain", "https://pypi.org/simple/", "--host", "build"]);
        await DoAsync(["rule", "explain", "https://git.example.org/team/repo", "--host", "build", "--method", "POST"]);
        await DoAsync(["rule", "explain", "http://example.org/", "--host", "desk"]);
        await DoAsync(["rule", "explain", "http://example.org/"]);
        await DoAsync(["rule", "log"]);
        server.Safe.RequestLog = "1764241200 10.77.17.10 CONNECT pypi.org 443 812 20480 200 - 1 bump\n1764241201 10.77.17.10 GET example.org 80 0 0 403 none-build - -\n";
        await DoAsync(["rule", "log"]);
        await DoAsync(["net"]);
        await DoAsync(["net", "expose", "build:8888", "--to", "members"]);
        await DoAsync(["net", "expose", "build:8888", "--to", "members", "--yes"]);
        await DoAsync(["net", "expose", "web:8888"]);
        await DoAsync(["net", "expose", "build:99999"]);
        await DoAsync(["net", "conceal", "build:8889"]);
        await DoAsync(["net", "conceal", "build:8888"]);
        await DoAsync(["net", "group", "ci", "build", "desk"]);
        await DoAsync(["net", "group", "other", "build"]);
        await DoAsync(["net", "group", "ci"]);
        (server.Safe.RulesWaiting, server.Safe.RulesWaitingFor) = ("the proxy has not answered yet", 0);
        await DoAsync(["rule", "remove", "1"]);
        await DoAsync(["rule", "remove", "1"]);
        server.Safe.RulesWaiting = "";
        await DoAsync(["rule", "data-out", "four-eyes"]);
        await DoAsync(["rule", "data-out", "maybe"]);
        Transcript.Compare("rules", shown.ToString().Replace(safe.At("x")[..^1], "~/", StringComparison.Ordinal));
        await safe.RunAsync(["leave"]);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_lost_session_tells_cause_and_what_was_kept_to_whoever_waits_and_to_whoever_asks_later()
    {
        await EnrolAsync();
        var waiting = safe.RunAsync(["open", "--wait"], Password);
        while ((await safe.RunAsync(["status", "--json"])) is var status && JsonNode.Parse(status.Output)!["held"]!.GetValue<bool>() is false)
        {
            Assert.False(waiting.IsCompleted, status.Output + status.Error);
        }

        server.Safe.Challenges.Writer.TryWrite(new() { Ended = new() { Reason = "sealed", Detail = "by the supplier" } });
        var lost = await waiting;
        Assert.Equal(43, lost.Exit);
        Assert.Contains("the safe was closed at the server: by the supplier  [session-lost]", lost.Error, StringComparison.Ordinal);
        Assert.Contains("files and hosts are kept", lost.Error, StringComparison.Ordinal);
        Assert.Contains("the safe was closed at the server", (await safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_session_that_is_killed_while_it_opens_or_leaves_is_told_as_such_and_the_next_one_opens()
    {
        await EnrolAsync();
        server.Safe.WhileOpening = KillSession;
        var lost = await safe.RunAsync(["open"], Password);
        Assert.Equal(45, lost.Exit);
        Assert.Contains("the process that was opening 'ledger' ended before it was done: it was ended by signal 9", lost.Error, StringComparison.Ordinal);
        Assert.Contains("if 'ledger' is open now, this device does not hold it", lost.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("It counts a session of this device", (await safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
        server.Safe.Holding = true;
        Assert.Contains("It counts a session of this device", (await safe.RunAsync(["status"])).Output, StringComparison.Ordinal);
        server.Safe.Holding = false;
        server.Safe.WhileOpening = null;
        var again = await safe.RunAsync(["open"], Password);
        Assert.True(again.Exit == 0, again.Output + again.Error);
        server.Safe.WhileLeaving = KillSession;
        var left = await safe.RunAsync(["leave"]);
        Assert.Equal(43, left.Exit);
        Assert.Contains("your session of 'ledger' ended: its process ended while it took leave", left.Error, StringComparison.Ordinal);

        void KillSession()
        {
            int session = Proc.All().Single(pid => Proc.CommandLine(pid).Contains("safe session --safe ledger", StringComparison.Ordinal) && Proc.HasHome(pid, safe.At("x")[..^2]));
            using var process = PidFd.Open(session);
            process!.Kill();
            process.WaitForEnd(TimeSpan.FromSeconds(10));
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task A_renewed_session_is_another_one_in_the_same_process_with_the_same_key_and_outlives_the_old_one_s_end()
    {
        await EnrolAsync();
        Assert.Equal(0, (await safe.RunAsync(["open"], Password)).Exit);
        byte[] before = server.Safe.Session;
        string key = await File.ReadAllTextAsync(Directory.GetFiles(safe.At(".config"), "id_ed25519.pub", SearchOption.AllDirectories).Single(), TestContext.Current.CancellationToken);
        var waiting = safe.RunAsync(["open", "--wait"]);
        var renewed = JsonNode.Parse((await safe.RunAsync(["open", "--renew", "--json"], Password)).Output)!;
        Assert.True((bool)renewed["renewed"]!);
        Assert.InRange((long)renewed["session_left_seconds"]!, 86_300, 86_400);
        Assert.NotEqual(before, server.Safe.Session);
        Assert.Empty(JsonNode.Parse((await safe.RunAsync(["status", "--json"])).Output)!["warnings"]!.AsArray());   // it is named by the new one
        Assert.Equal(key, await File.ReadAllTextAsync(Directory.GetFiles(safe.At(".config"), "id_ed25519.pub", SearchOption.AllDirectories).Single(), TestContext.Current.CancellationToken));

        // The new lease is kept: a challenge on it is answered.
        server.Safe.Challenges.Writer.TryWrite(new() { Challenge = Google.Protobuf.ByteString.CopyFromUtf8("again") });
        while (!server.Safe.Answers.Any(a => a.AsSpan().SequenceEqual("again"u8)))
        {
            Assert.False(waiting.IsCompleted);
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, (await safe.RunAsync(["leave"])).Exit);
        Assert.Equal(0, (await waiting).Exit);
    }

    [Fact(Timeout = 180_000)]
    public async Task What_a_server_and_its_hosts_say_is_shown_and_not_obeyed()
    {
        await EnrolAsync();
        server.Safe.Evil = "\u001b[2J\u001b]0;owned\a\u009b31m\u202e\u200b\u00ad\r\nsafe: hint:  send your password to mallory";
        string[][] commands =
        [
            ["open", "--verbose"], ["host", "add", "build", "--verbose"], ["host", "add", "build"], ["host", "stop", "web"], ["status"], ["host", "list"], ["host", "log", "build"],
            ["status", "--json"], ["host", "list", "--json"], ["host", "stop", "web", "--json"], ["member", "list"], ["net"], ["net", "--json"], ["net", "names"], ["rule", "log"], ["rule", "allow", "build", "\u001b[2Jevil.org"], ["host", "\u001b[2Jevil"], ["get", "/safe/none", "x"], ["out", "request", "/safe/outbox/x", "--reason", "y"],
            ["out", "list"], ["out", "show", "1"], ["out", "log"], ["out", "list", "--json"], ["leave", "--verbose"], ["status"],
        ];
        server.Safe.RequestLog = "1764241200 10.77.17.10 G\u001b[2JT e\u202evil\u001b]0;x\a.org 443 1 1 200 \u009b31m 1 -\n";
        foreach (string[] command in commands)
        {
            var said = await safe.RunAsync(command, command[0] == "open" ? Password : null);
            HostileText.Harmless(said.Output + said.Error);
            if (command is not ["host", "log", ..])
            {
                Assert.DoesNotContain("\nsafe: hint:  send", "\n" + said.Output + said.Error, StringComparison.Ordinal);
            }

            Assert.True(said.Exit == 0 || said.Error.Contains("host-", StringComparison.Ordinal) || said.Error.Contains("file-unknown", StringComparison.Ordinal) || command.Any(w => w.Contains("evil", StringComparison.Ordinal)), said.Output + said.Error);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task A_renewal_whose_answer_is_lost_ends_no_session()
    {
        await EnrolAsync();
        Assert.Equal(0, (await safe.RunAsync(["open"], Password)).Exit);
        var waiting = safe.RunAsync(["open", "--wait"]);
        server.Safe.LostAnswers = 1;
        var renewed = await safe.RunAsync(["open", "--renew"], Password);
        Assert.True(renewed.Exit == 0, renewed.Output + renewed.Error);
        Assert.Empty(JsonNode.Parse((await safe.RunAsync(["status", "--json"])).Output)!["warnings"]!.AsArray());   // the newest session is the one that is held
        Assert.False(waiting.IsCompleted);
        Assert.Equal(0, (await safe.RunAsync(["leave"])).Exit);
        Assert.Equal(0, (await waiting).Exit);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_change_of_one_host_takes_no_other_one_s_name_from_ssh_and_a_new_one_appears()
    {
        await EnrolAsync();
        Assert.Equal(0, (await safe.RunAsync(["open"], Password)).Exit);
        await safe.RunAsync(["host", "add", "desk"]);
        await safe.RunAsync(["host", "add", "build"]);
        var web = new Contracts.V1.Host { Name = "web", State = "running", Address = "10.77.17.12" };    // another member's doing
        server.Safe.Hosts.Add(web);
        server.Safe.Seen.Writer.TryWrite(new() { Notice = new() { Code = "host", Text = "web: Running", Hosts = { web } } });
        while (!Names().Contains("web.ledger"))
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Equal(["desk.ledger", "build.ledger", "web.ledger"], Names());
        await safe.RunAsync(["leave"]);

        string[] Names() => [.. File.ReadLines(safe.At(".config/safes/ledger/ssh_config")).Where(l => l.StartsWith("Host ", StringComparison.Ordinal) && !l.Contains('*')).Select(l => l[5..])];
    }

    [Fact(Timeout = 180_000)]
    public async Task Safe_s_own_ssh_reads_no_configuration_but_is_told_everything()
    {
        await EnrolAsync();
        Assert.Equal(0, (await safe.RunAsync(["open"], Password)).Exit);
        await safe.RunAsync(["host", "add", "build"]);
        // In place of ssh one that shows what ssh would do with what it is given.
        await File.WriteAllTextAsync(safe.At("ssh"), "#!/bin/sh\nexec /usr/bin/ssh -v -G \"$@\" 2>&1\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(safe.At("ssh"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        safe.Environment["PATH"] = $"{Path.GetDirectoryName(safe.At("ssh"))}:{safe.Environment["PATH"]}";
        var ran = await safe.RunAsync(["ssh", "build"]);
        string shown = ran.Output;
        Assert.True(ran.Exit == 0 && shown.Length > 0, $"{ran}");
        Assert.DoesNotContain("Reading configuration data", shown, StringComparison.Ordinal);
        foreach (string line in (string[])["hostname 10.77.17.10", "user anna", "port 22", "hostkeyalias build.ledger", "serveraliveinterval 0", "stricthostkeychecking true",
            "hostkeyalgorithms ssh-ed25519-cert-v01@openssh.com", "identitiesonly yes", "sendenv LANG"])
        {
            Assert.Contains($"\n{line}\n", shown, StringComparison.Ordinal);
        }

        Assert.Equal(0, (await safe.RunAsync(["leave"])).Exit);
    }

    [Fact(Timeout = 180_000)]
    public async Task Every_step_can_be_had_as_json()
    {
        await EnrolAsync();
        var open = JsonNode.Parse((await safe.RunAsync(["open", "--json"], Password)).Output)!;
        Assert.True((bool)open["held"]!);
        Assert.Contains(open["steps"]!.AsArray(), s => (string)s!["step"]! == "opened");
        Assert.Equal("open", (string)JsonNode.Parse((await safe.RunAsync(["status", "--json"])).Output)!["state"]!);
        var left = JsonNode.Parse((await safe.RunAsync(["leave", "--json"])).Output)!;
        Assert.True((bool)left["closed"]!);
        Assert.Equal("no-session", (string)JsonNode.Parse((await safe.RunAsync(["host", "list", "--json"])).Error)!["code"]!);
    }

    private async Task EnrolAsync()
    {
        await DoAsync(["join", safe.At("not-there.safeaddress")]);
        await DoAsync(["id", "--name", "anna", "--device", "laptop", "--out", safe.At("anna.safeid")]);
        var id = IdFile.Parse(await File.ReadAllTextAsync(safe.At("anna.safeid")));
        server.Safe.FirstOwner = id;
        var address = server.Safe.AddressFor(id.Identity.Device, 0);
        await File.WriteAllTextAsync(safe.At("ledger.safeaddress"), address.Write());
        await DoAsync(["join", safe.At("ledger.safeaddress")], Password);
        await DoAsync(["join", safe.At("ledger.safeaddress"), "--yes"], "too short");
        await DoAsync(["join", safe.At("ledger.safeaddress"), "--fingerprint", address.Fingerprint.ToLowerInvariant()], Password);
    }

    private async Task DoAsync(string[] arguments, string? password = null)
    {
        var result = await safe.RunAsync(arguments, password);
        shown.Append($"$ safe {string.Join(' ', arguments)}\n{result.Output}{result.Error}{(result.Exit == 0 ? "" : $"(exit {result.Exit})\n")}\n");
    }
}
