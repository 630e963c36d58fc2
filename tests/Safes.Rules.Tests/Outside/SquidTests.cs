using System.Net;
using Safes.Linux;
using Safes.Rules.Outside;

namespace Safes.Rules.Tests.Outside;

[Trait("needs", "root")]
public class SquidTests
{
    private static readonly IPAddress Build = IPAddress.Parse("10.83.17.10"), Desk = IPAddress.Parse("10.83.17.11");

    private static readonly Dictionary<string, IPAddress> Hosts = new() { ["build"] = Build, ["desk"] = Desk };

    private static OutsideRules Rules(params AllowRule[] rules) => OutsideRules.Of(
        rules.Select((r, i) => new StandingRule(i + 1, r, default, "Anna", default)), Hosts, DateTimeOffset.UtcNow);

    private static AllowRule Allow(string from, string to, int port = 0, string methods = "", long upload = 0, long download = 0, long until = 0) =>
        new(from, to, port, methods.Length == 0 ? [] : methods.Split(','), upload, download, until);

    [Fact]
    public async Task The_proxy_decides_as_the_rules_say()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        var rules = Rules(
            Allow("build", "git.example.org", 443), Allow("build", "www.example.org", methods: "GET,HEAD"), Allow("*", "*.b.example.org"),
            Allow("desk", "other.example.net", 443, "GET,POST", upload: 100), Allow("desk", "other.example.net", 8443, "GET"), Allow("desk", "www.example.org", until: 1000));
        await using var squid = await RealSquid.StartAsync(net, rules);
        var wrong = new List<string>();
        foreach (var (host, from) in Hosts)
        {
            foreach (string name in (string[])["git.example.org", "www.example.org", "a.b.example.org", "example.org", "other.example.net", FakeInternet.Server, "0x976502.1"])
            {
                foreach (string place in (string[])["http://{0}/", "https://{0}/", "https://{0}:8443/"])
                {
                    foreach (var (method, bytes) in ((string, long)[])[("GET", 0), ("POST", 100), ("POST", 101), ("POST", -1), ("DELETE", 0)])
                    {
                        string url = string.Format(System.Globalization.CultureInfo.InvariantCulture, place, name);
                        var request = OutsideRequest.Of(host, url, method, bytes);
                        var decision = rules.Decide(request);
                        var (status, text) = await net.CurlAsync(from, url, ["-X", method, .. Body(bytes), .. request.IsAddress ? (string[])["-k"] : []]);
                        string said = decision.Verdict == Verdict.Allowed ? $"\"method\": \"{method}\"" : Reason.Of(decision, request, rules)!.What;
                        if ((status, text.Contains(said, StringComparison.Ordinal)) != (decision.Verdict == Verdict.Allowed ? 200 : 403, true))
                        {
                            wrong.Add($"{host} {method} {url} {bytes}: {decision}, {status} {text}");
                        }

                        // Who shows no page is told in the answer's first line, in clear and where a tunnel is asked for.
                        if (decision.Verdict != Verdict.Allowed && method == "GET")
                        {
                            string first = (await net.CurlAsync(from, url, "-i", "-A", "", "-X", method)).Text.Split('\r')[0];
                            if (!first.StartsWith($"HTTP/1.1 403 {said}", StringComparison.Ordinal))
                            {
                                wrong.Add($"{host} {method} {url} {bytes}: {first}");
                            }
                        }
                    }
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Take(20).Append($"{wrong.Count} in all").Append(squid.Log)));
    }

    [Fact]
    public async Task A_name_that_leads_inside_is_refused_whatever_the_rules_say()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        string[] names = ["inner.example.org", "loop.example.org", "metadata.example.org", "six.example.org"];
        await using var squid = await RealSquid.StartAsync(net, Rules([.. names.Select(n => Allow("build", n)), Allow("build", "git.example.org")]));
        foreach (string name in names)
        {
            foreach (string scheme in (string[])["http", "https"])
            {
                var (status, text) = await net.CurlAsync(Build, $"{scheme}://{name}/");
                Assert.Equal(403, status);
                Assert.Contains(Reason.Inside(name).What, text, StringComparison.Ordinal);
            }
        }

        Assert.Equal(200, (await net.CurlAsync(Build, "https://git.example.org/")).Status);
    }

    [Fact]
    public async Task A_name_that_no_rule_names_is_not_even_looked_up()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules(Allow("build", "git.example.org")));
        foreach (string url in (string[])["http://secret.other.example.net/", "https://secret.other.example.net/"])
        {
            Assert.Equal(403, (await net.CurlAsync(Build, url)).Status);
            Assert.Equal(403, (await net.CurlAsync(Desk, url.Replace("secret.other.example.net", "git.example.org", StringComparison.Ordinal))).Status);
        }

        Assert.DoesNotContain("example", net.Asked, StringComparison.Ordinal);
        Assert.Equal(200, (await net.CurlAsync(Build, "http://git.example.org/")).Status);
        Assert.Contains("git.example.org", net.Asked, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inside_an_opened_tunnel_nothing_else_than_its_own_destination_is_asked()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules(Allow("build", "git.example.org", 443, "GET"), Allow("build", "other.example.net", 443, "GET,POST")));
        Assert.Equal(200, (await net.CurlAsync(Build, "https://git.example.org/", "-H", "Host: git.example.org")).Status);
        var (status, text) = await net.CurlAsync(Build, "https://git.example.org/", "-H", "Host: other.example.net", "-d", "what git may not be sent");
        Assert.Equal(403, status);
        Assert.Contains(Reason.Strange.What, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_are_no_larger_than_the_most_generous_rule_for_them_allows()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(
            net, Rules(Allow("build", "git.example.org", download: 1000), Allow("build", "git.example.org", 443, "POST", download: 2000), Allow("desk", "git.example.org")));
        foreach (var (from, method, bytes, fits) in ((IPAddress, string, int, bool)[])
            [(Build, "GET", 1000, true), (Build, "GET", 1001, false), (Build, "POST", 2000, true), (Build, "POST", 2001, false), (Desk, "GET", 1 << 19, true)])
        {
            var (status, text) = await net.CurlAsync(from, $"https://git.example.org/bytes/{bytes}", "-X", method);
            Assert.True((status == 200 && text == new string('x', bytes)) == fits, $"{from} {method} {bytes}: {status} {text[..Math.Min(200, text.Length)]}");
        }
    }

    [Fact]
    public async Task A_change_of_rules_holds_at_once_and_says_what_held_before()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules(Allow("build", "git.example.org")));
        Assert.Equal(200, (await net.CurlAsync(Build, "https://git.example.org/")).Status);
        await squid.ChangeAsync(Rules(Allow("build", "git.example.org", until: 1000)));
        (int Status, string Text) got = default;
        await net.WaitForAsync(async () => (got = await net.CurlAsync(Build, "https://git.example.org/")).Status == 403);
        Assert.Contains("Rule 1 let build reach git.example.org:443 until 1970-01-01 00:16 UTC; it has ended.", got.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("name other.example.net", false)]
    [InlineData("name a.b.example.org", false)]
    [InlineData("none", false)]
    [InlineData("encrypted", false)]
    [InlineData("twice", false)]
    [InlineData("plain", false)]
    public async Task A_tunnel_is_for_the_name_that_it_was_asked_for_in_clear(string greeting, bool goes)
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules(Allow("build", "git.example.org"), Allow("build", "*.b.example.org"), Allow("build", "other.example.net", methods: "GET")));
        foreach (string name in (string[])["git.example.org", "other.example.net"])
        {
            string said = greeting == "name other.example.net" && name == "other.example.net" ? "name git.example.org" : greeting;
            var got = await Tool.TryAsync(
                "python3", [Path.Combine(AppContext.BaseDirectory, "Outside/greeting.py"), FakeInternet.ProxyAddress, $"{Build}", name, .. said.Split(' ', StringSplitOptions.RemoveEmptyEntries)], network: net.Pin);
            Assert.Equal((0, goes ? "TLS" : "closed"), (got.Exit, got.Output.Trim()));
        }
    }

    [Fact]
    public async Task A_tunnel_inside_an_opened_tunnel_is_refused()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(
            net, Rules(Allow("build", "git.example.org", methods: "GET"), Allow("build", "other.example.net"), Allow("build", "www.example.org", 80)));
        const string get = "GET / HTTP/1.1\\r\\nHost: git.example.org", put = "PUT /x HTTP/1.1\\r\\nHost: git.example.org\\r\\nContent-Length: 0";
        Assert.Equal(["HTTP/1.1 200 Connection established", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK"], await InsideAsync(net, "git.example.org", get, get));
        foreach (string name in (string[])["git.example.org", "other.example.net"])
        {
            string connect = $"CONNECT {name}:443 HTTP/1.1\\r\\nHost: {name}:443";
            Assert.All((await InsideAsync(net, "git.example.org", connect, put))[1..], line => Assert.DoesNotContain(" 200 ", line, StringComparison.Ordinal));
            Assert.All((await InsideAsync(net, "git.example.org", get, connect, put))[2..], line => Assert.DoesNotContain(" 200 ", line, StringComparison.Ordinal));

            // One that was refused is opened to show the reason, and is no way either.
            Assert.All((await InsideAsync(net, "git.example.com", connect, put))[1..], line => Assert.DoesNotContain(" 200 ", line, StringComparison.Ordinal));
            Assert.All((await InsideAsync(net, "git.example.com", get, connect, put))[1..], line => Assert.DoesNotContain(" 200 ", line, StringComparison.Ordinal));
        }

        // Nor is anything asked there for another destination, by whatever form of its name, or without TLS.
        foreach (string other in (string[])["http://www.example.org/", "http://git.example.org/", "http://git.example.org:443/", "https://other.example.net/"])
        {
            Assert.Contains(" 403 ", (await InsideAsync(net, "git.example.org", $"GET {other} HTTP/1.1\\r\\nHost: {new Uri(other).Host}"))[1], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("for line in sys.stdin: print(line.split()[0], 'BH', flush=True)")]
    [InlineData("sys.stdin.readline(); sys.exit(1)")]
    [InlineData("for line in sys.stdin: print(line.split()[0], 'ERR', flush=True)")]
    public async Task Where_the_helper_does_not_say_that_a_tunnel_is_as_it_should_be_it_is_not_let_through(string helper)
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules(Allow("build", "git.example.org"), Allow("build", "other.example.net", methods: "GET")), (SquidConfiguration.HelperName, "import sys\n" + helper));
        foreach (string name in (string[])["git.example.org", "other.example.net"])
        {
            Assert.NotEqual(200, (await net.CurlAsync(Build, $"https://{name}/", "-X", "PUT")).Status);
        }
    }

    [Fact]
    public async Task A_greeting_writes_nothing_of_its_own_into_the_log()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules(Allow("build", "git.example.org")));
        const string forged = "1800000000 10.83.17.11 GET desk.example.org 80 1 2 200 - 1 -";
        foreach (string text in (string[])["git.example.org", $"a\\n{forged}\\n", $"a - {forged} b"])
        {
            await InsideAsync(net, "hello", "git.example.org", text);
        }

        await net.WaitForAsync(() => Task.FromResult(squid.Requests.Split('\n').Length > 3));
        Assert.DoesNotContain("desk.example.org", squid.Requests, StringComparison.Ordinal);
        Assert.All(squid.Requests.TrimEnd('\n').Split('\n'), line => Assert.NotNull(LoggedRequest.Parse(line)));
    }

    [Fact]
    public async Task A_greeting_that_is_longer_than_any_is_not_looked_into()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules(Allow("build", "git.example.org")));
        string said = await Tool.RunAsync("python3", ["-c", """
            import base64, sys
            sys.path.insert(0, sys.argv[1])
            import tunnel
            read = []
            parts = tunnel.extensions
            tunnel.extensions = lambda records: read.append(len(records)) or parts(records)
            def split(size): return b"".join(b"\x16\x03\x01\0\x01" + bytes([b]) for b in b"\x01" + (size - 4).to_bytes(3, "big") + bytes(size - 4))
            for size in (1000, 2700, 11000, 65000, 300000):
                try:
                    tunnel.name_asked(base64.b64encode(split(size)).decode())
                except (ValueError, IndexError):
                    pass
            print(read)
            """, net.At("files")]);
        Assert.Equal("[6000, 16200]", said.Trim());    // longer ones are not even looked into
    }

    [Fact]
    public async Task The_helper_goes_on_when_it_gets_a_signal_that_is_meant_for_squid()
    {
        await using var net = await FakeInternet.StartAsync(Hosts.Values);
        await using var squid = await RealSquid.StartAsync(net, Rules());
        string said = await Tool.RunAsync("python3", ["-c", """
            import signal, subprocess, sys
            helper = subprocess.Popen(["python3", sys.argv[1], "same"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            def ask():
                print("7 a.b:443 a.b 443", file=helper.stdin, flush=True)
                return helper.stdout.readline().strip()
            said = [ask()]
            for one in (signal.SIGHUP, signal.SIGUSR1):
                helper.send_signal(one)
                said.append(ask())
            helper.stdin.close()
            print(said, helper.wait(20))
            """, net.At("files/tunnel.py")]);
        Assert.Equal("['7 OK', '7 OK', '7 OK'] 0", said.Trim());
    }

    private static async Task<string[]> InsideAsync(FakeInternet net, params string[] words) =>
        (await Tool.RunAsync("python3", [Path.Combine(AppContext.BaseDirectory, "Outside/inside.py"), FakeInternet.ProxyAddress, $"{Build}", .. words], network: net.Pin)).Trim().Split('\n');

    private static string[] Body(long bytes) => bytes switch
    {
        0 => [],
        < 0 => ["-H", "Transfer-Encoding: chunked", "-d", "some"],
        _ => ["-d", new string('x', (int)bytes)],
    };
}
