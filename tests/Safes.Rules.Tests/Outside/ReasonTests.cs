using System.Net;
using Safes.Linux;
using Safes.Rules.Outside;

namespace Safes.Rules.Tests.Outside;

/// <summary>The reason for a refusal where programs show it that show no page: in the first line of the answer. Squid refuses whatever becomes of it.</summary>
[Trait("needs", "root")]
public class ReasonTests
{
    private static readonly IPAddress Build = IPAddress.Parse("10.83.17.10"), Desk = IPAddress.Parse("10.83.17.11");

    private static readonly Dictionary<string, IPAddress> Hosts = new() { ["build"] = Build, ["desk"] = Desk };

    private static readonly OutsideRules Rules = OutsideRules.Of(
        ((AllowRule[])[
            new("build", "git.example.org", 0, [], 0, 0, 0), new("build", "www.example.org", 0, ["POST"], 0, 0, 0), new("build", "inner.example.org", 0, [], 0, 0, 0),
            new("build", "a.b.example.org", 0, [], 0, 0, 1000),
        ]).Select((r, i) => new StandingRule(i + 1, r, default, "Anna", default)),
        Hosts, DateTimeOffset.UtcNow);

    private static string Words(Reason reason) => $"{reason.What}{(reason.Command.Length == 0 ? "" : $" An owner can change that: {reason.Command}")}";

    private static string Line(Reason reason) => $"HTTP/1.1 403 {Words(reason)}";

    [Fact]
    public async Task The_reason_stands_in_the_first_line_in_clear_and_where_a_tunnel_is_asked_for()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules);
        foreach (string url in (string[])[
            "http://other.example.net/", "https://other.example.net/", "https://other.example.net:8443/", "http://a.b.example.org/", "https://a.b.example.org/", "http://www.example.org/",
            $"http://{FakeInternet.Server}/", $"https://{FakeInternet.Server}/", "http://inner.example.org/", "https://inner.example.org/"])
        {
            var request = OutsideRequest.Of("build", url);
            var reason = Reason.Of(Rules.Decide(request), request, Rules) ?? Reason.Inside(request.Name);
            foreach (string method in url.StartsWith("http:", StringComparison.Ordinal) && request.Name != "www.example.org" ? (string[])["GET", "HEAD"] : ["GET"])
            {
                var (_, text) = await net.CurlAsync(Build, url, ["-i", "-A", "", .. method == "HEAD" ? (string[])["-I"] : []]);
                Assert.StartsWith(Line(reason) + "\r\n", text, StringComparison.Ordinal);
                Assert.Equal(method == "GET" && url.StartsWith("http:", StringComparison.Ordinal), text.EndsWith($"\r\n\r\n{reason.Page}", StringComparison.Ordinal));
                Assert.Single(text.Split("HTTP/1.1 "), t => t.StartsWith("403", StringComparison.Ordinal));
            }
        }

        // Who shows pages gets one through the tunnel, as text; and what a server says of its own is left to it.
        var (status, shown) = await net.CurlAsync(Build, "https://other.example.net/", "-i");
        Assert.Equal(403, status);
        Assert.Contains("Content-Type: text/plain;charset=utf-8", shown, StringComparison.Ordinal);
        Assert.Contains(Reason.NoRule("build", "other.example.net", "443").Page, shown, StringComparison.Ordinal);
        Assert.DoesNotContain("text/plain", (await net.CurlAsync(Build, "http://git.example.org/", "-i")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("killed")]
    [InlineData("stopped")]
    [InlineData("for line in sys.stdin: print(line.split()[0], 'BH', flush=True)")]
    [InlineData("for line in sys.stdin: print(line.split()[0], 'ERR', flush=True)")]
    [InlineData("sys.stdin.readline(); sys.exit(1)")]
    public async Task Where_nobody_says_the_reason_Squid_refuses_as_well_and_nobody_is_reached(string how)
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules, how.Contains(' ', StringComparison.Ordinal) ? [(SquidConfiguration.ReasonName, "import sys\n" + how)] : []);
        if (how is "killed" or "stopped")
        {
            squid.Reasons.Signal(how == "killed" ? 9 : 19);
        }

        var reached = Reached(net);
        for (int i = 0; i < 3; i++)
        {
            foreach (string url in (string[])["http://other.example.net/", "https://other.example.net/", "http://a.b.example.org/", "https://a.b.example.org/"])
            {
                foreach (string program in (string[])["", "curl/8"])
                {
                    var (status, text) = await net.CurlAsync(Build, url, "-i", "-A", program);
                    Assert.Equal(403, status);
                    Assert.Contains("HTTP/1.1 403 Forbidden", text, StringComparison.Ordinal);
                    Assert.Contains(Reason.Begin, text, StringComparison.Ordinal);
                }
            }
        }

        Assert.Equal(reached, Reached(net));
        Assert.Equal(200, (await net.CurlAsync(Build, "http://git.example.org/")).Status);
        Assert.NotEqual(reached, Reached(net));
        if (how == "killed")
        {
            squid.SayReasons();
            await net.WaitForAsync(async () => (await net.CurlAsync(Build, "http://other.example.net/", "-i")).Text.StartsWith(Line(Reason.NoRule("build", "other.example.net", "80")), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task What_is_refused_so_is_no_way_and_nobody_is_reached_or_looked_up()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules);
        var reached = Reached(net);
        // Often: what was let through may still end with the connection that it came by.
        foreach (string name in Enumerable.Repeat((string[])["other.example.net", "a.b.example.org"], 4).SelectMany(n => n))
        {
            foreach (string refused in (string[])[$"GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\n\r\n", $"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n"])
            {
                const string tunnel = "CONNECT git.example.org:443 HTTP/1.1\r\nHost: git.example.org:443\r\n\r\n", get = "GET http://git.example.org/ HTTP/1.1\r\nHost: git.example.org\r\n\r\n";
                string[] lines = await AskAsync(net, Build, refused, tunnel, get);
                Assert.Equal(["403", "closed", "closed"], lines.Select(l => l.Contains(' ', StringComparison.Ordinal) ? l.Split(' ')[1] : l));
            }

            string said = await Tool.RunAsync(
                "env", ["PLAIN=1", "python3", Path.Combine(AppContext.BaseDirectory, "Outside/inside.py"), FakeInternet.ProxyAddress, $"{Build}", name, $"GET / HTTP/1.1\\r\\nHost: {name}"], network: net.Pin);
            Assert.Equal(["403", "closed"], said.Trim().Split('\n').Select(l => l.Contains(' ', StringComparison.Ordinal) ? l.Split(' ')[1] : l));
        }

        // Squid has come so far only once it has answered what is asked for last, which is the control, too.
        Assert.Equal(200, (await net.CurlAsync(Build, "http://www.example.org/", "-X", "POST")).Status);
        var (taken, asked) = Reached(net);
        Assert.Single(taken[reached.Taken.Length..].Split('\n', StringSplitOptions.RemoveEmptyEntries));
        string[] names = asked[reached.Asked.Length..].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(names);
        Assert.All(names, l => Assert.Contains("www.example.org", l, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_something_was_answered_already_Squid_says_the_next_itself()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules);
        string[] said = await AskAsync(net, Build, "GET http://git.example.org/ HTTP/1.1\r\nHost: git.example.org\r\n\r\n", "GET http://other.example.net/ HTTP/1.1\r\nHost: other.example.net\r\n\r\n");
        Assert.Equal(["HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden"], said);
    }

    [Fact]
    public async Task Of_what_was_asked_nothing_gets_into_the_first_line_but_a_name_a_port_and_a_method()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules);
        string said = await Tool.RunAsync("python3", ["-c", """
            import sys
            sys.path.insert(0, sys.argv[1])
            import reason
            page = "The safe's proxy refused this: No rule lets build reach %H:%p with %M.\n"
            print(reason.answer(page, "a.b", "80", "GET").decode().split("\r\n")[0])
            for bad in (("a%0d%0aX:", "80", "GET"), ("a b", "80", "GET"), ("a" * 254, "80", "GET"), ("a.b", "8 0", "GET"), ("a.b", "-", "GET"), ("a.b", "80", "G\r\n"), ("a.b\n", "80", "GET"), ("", "80", "GET")):
                try:
                    print(reason.answer(page, *bad))
                except ValueError:
                    pass
            for bad in ("The safe's proxy refused this: a\x1b[2Jb", "x" * 801):
                try:
                    print(reason.answer(bad, "a.b", "80", "GET"))
                except ValueError:
                    pass
            """, net.At("files")]);
        Assert.Equal("HTTP/1.1 403 No rule lets build reach a.b:80 with GET.", said.Trim());
        foreach (string asked in (string[])["GET http://a%0d%0aX:%201/ HTTP/1.1", "GET http://x%20y.example.org/ HTTP/1.1", "GET http://x\x1b[2J.example.org/ HTTP/1.1", "CONNECT x\x1by.example.org:443 HTTP/1.1"])
        {
            string line = (await AskAsync(net, Build, $"{asked}\r\nHost: x\r\n\r\n"))[0];
            Assert.Matches("^HTTP/1.1 4[0-9][0-9] [ -~]+$", line);
        }
    }

    [Fact]
    public async Task Each_refusal_stands_in_the_log_with_its_reason_however_soon_the_host_goes()
    {
        const int Times = 100;
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules);
        foreach (string request in (string[])["GET http://other.example.net/ HTTP/1.1", "CONNECT other.example.net:443 HTTP/1.1"])
        {
            await AskAsync(net, Desk, [.. Enumerable.Repeat($"{request}\r\nHost: other.example.net\r\n\r\n", Times)], anew: true);
        }

        LoggedRequest[] Logged() => [.. squid.Requests.TrimEnd('\n').Split('\n').Select(l => LoggedRequest.Parse(l)!).Where(r => r.Host.Equals(Desk))];
        await net.WaitForAsync(() => Task.FromResult(Logged().Length >= 2 * Times));
        Assert.Equal(2 * Times, Logged().Length);
        Assert.All(Logged(), r => Assert.Equal(("none-desk", "other.example.net", 0), (r.Why, r.Name, r.Rule)));
    }

    [Fact]
    public async Task Package_managers_show_it()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules);
        // They take the address of the first host.
        await Tool.RunAsync("ip", ["route", "replace", "local", FakeInternet.ProxyAddress, "dev", "lo", "table", "local", "src", $"{Build}"], network: net.Pin);
        Directory.CreateDirectory(net.At("apt/lists/partial"));
        foreach (string scheme in (string[])["http", "https"])
        {
            await File.WriteAllTextAsync(net.At("apt/sources"), $"deb {scheme}://other.example.net/debian stable main\n", TestContext.Current.CancellationToken);
            var apt = await Tool.TryAsync(
                "apt-get", [
                    "update", "-o", $"Dir::Etc::sourcelist={net.At("apt/sources")}", "-o", "Dir::Etc::sourceparts=/dev/null", "-o", $"Dir::State::lists={net.At("apt/lists")}", "-o", $"Dir::Cache={net.At("apt")}",
                    "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=0", "-o", $"Acquire::http::Proxy=http://{FakeInternet.ProxyAddress}:3128", "-o", $"Acquire::https::Proxy=http://{FakeInternet.ProxyAddress}:3128",
                ], network: net.Pin);
            Assert.Contains(Words(Reason.NoRule("build", "other.example.net", scheme == "http" ? "80" : "443")), apt.Output + apt.Error, StringComparison.Ordinal);
        }

        string missing = Words(Reason.NoRule("build", "other.example.net", "443"));
        var pip = await Tool.TryAsync(
            "env", [$"https_proxy=http://{FakeInternet.ProxyAddress}:3128", "HOME=/nonexistent", "/usr/bin/python3", "-m", "pip", "download", "--retries", "1", "--index-url", "https://other.example.net/simple", "hello"], network: net.Pin);
        if (!pip.Error.Contains("No module named pip", StringComparison.Ordinal))
        {
            Assert.Contains($"Tunnel connection failed: 403 {missing}", pip.Output + pip.Error, StringComparison.Ordinal);
        }

        var python = await Tool.TryAsync("env", [$"https_proxy=http://{FakeInternet.ProxyAddress}:3128", "python3", "-c", "import urllib.request; urllib.request.urlopen('https://other.example.net/')"], network: net.Pin);
        Assert.Contains(missing, python.Error, StringComparison.Ordinal);
    }

    /// <summary>Connections that servers took, and questions for names.</summary>
    private static (string Taken, string Asked) Reached(FakeInternet net) => (net.Taken, string.Join('\n', net.Asked.Split('\n').Where(l => l.Contains(" query[A", StringComparison.Ordinal))));

    /// <summary>Sends requests in clear, one after the other on one connection or each on its own; the first lines of the answers, or closed.</summary>
    private static Task<string[]> AskAsync(FakeInternet net, IPAddress from, params string[] requests) => AskAsync(net, from, requests, anew: false);

    private static async Task<string[]> AskAsync(FakeInternet net, IPAddress from, string[] requests, bool anew)
    {
        string said = await Tool.RunAsync("python3", ["-c", """
            import socket, sys
            proxy, source, anew, *requests = sys.argv[1:]
            def connect(): return socket.create_connection((proxy, 3128), 20, (source, 0))
            connection = None
            for request in requests:
                if connection is None or anew == "True":
                    connection = connect()
                try:
                    connection.sendall(request.encode())
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        got = connection.recv(1)
                        if not got:
                            raise ConnectionResetError
                        head += got
                    lines = head.decode().split("\r\n")
                    left = next((int(l.split(":")[1]) for l in lines if l.lower().startswith("content-length:")), 0)
                    while left > 0 and (got := connection.recv(left)):
                        left -= len(got)
                    print(lines[0])
                except (ConnectionResetError, BrokenPipeError):
                    print("closed")
                if anew == "True":
                    connection.close()
            """, FakeInternet.ProxyAddress, $"{from}", $"{anew}", .. requests], network: net.Pin);
        return said.TrimEnd('\n').Split('\n');
    }
}
