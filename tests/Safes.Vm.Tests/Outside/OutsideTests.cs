using System.Net;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Outside;
using Safes.Linux;
using Safes.Network.Tests;
using Safes.Rules;
using Safes.Rules.Outside;

namespace Safes.Vm.Tests.Outside;

/// <summary>The way outside as a member in a host has it: through the proxy host, by the rules, and not otherwise.</summary>
[Trait("needs", "guest")]
public class OutsideTests
{
    [Fact]
    public async Task A_host_reaches_outside_what_rules_allow_and_is_told_why_not_what_they_do_not()
    {
        Parts.NeedRoot();
        await using var server = await TestServer.WithNetworkAsync();
        var names = new Dictionary<string, string>
        {
            ["git.example.org"] = Internet.Server,
            ["mirror.example.org"] = Internet.Server,
            ["pool.example.net"] = Internet.Other,
            ["other.example.net"] = Internet.Other,
            ["control.example.org"] = $"{server.Addresses.ControlHypervisor}",
            ["safed.example.org"] = TestServer.ServerAddress,
        };
        await using var internet = await Internet.StartAsync(server, server.At("internet"), names);
        await using var fleet = await Fleet.OpenAsync(9L << 30);
        await ThroughAsync(server, fleet);
        StandingRule[] standing = [];
        OutsideKeeper Keeper() => new(new OutsideOptions
        {
            Safe = "ledger",
            Root = fleet.Volume.Volume.Root,
            Hosts = fleet.Hosts,
            World = fleet.Hosts.Options.World!,
            Generation = () => 1,
            Trouble = (e, what) => TestContext.Current.SendDiagnosticMessage($"{what} {e}"),
            Resolvers = () => [IPAddress.Parse(Internet.Resolver)],
        });

        await fleet.Hosts.AddAsync(new HostRequest("build"));
        await File.WriteAllTextAsync(fleet.Volume.At("share/internet.crt"), internet.Authority, TestContext.Current.CancellationToken);
        foreach (string file in (string[])["greeting.py", "fetch.py"])
        {
            File.Copy(Path.Combine(AppContext.BaseDirectory, "Outside", file), fleet.Volume.At($"share/{file}"));
        }

        foreach (string file in (string[])["share/internet.crt", "share/greeting.py", "share/fetch.py"])
        {
            File.SetUnixFileMode(fleet.Volume.At(file), (UnixFileMode)0x1a4);
        }

        await using (var keeper = Keeper())
        {
            // Without rules there is no proxy and no way.
            await keeper.PrepareAsync(() => standing, adopted: false);
            Assert.True(await keeper.KeepAsync(), keeper.Problem);
            Assert.Null(fleet.Hosts.Proxy);
            Assert.DoesNotContain("http_proxy", await InAsync(fleet, "env"), StringComparison.Ordinal);
            Assert.Contains("failed", await FetchAsync(fleet, "http://git.example.org/"), StringComparison.Ordinal);

            standing =
            [
                Rule(1, new AllowRule("build", "git.example.org", 443, [], 0, 0, 0)), Rule(2, new AllowRule("build", "mirror.example.org", 0, ["GET", "HEAD"], 0, 0, 0)),
                Rule(3, new AllowRule("*", "pool.example.net", 80, ["GET", "HEAD"], 0, 0, 0)), Rule(4, new AllowRule("*", "control.example.org", 0, [], 0, 0, 0)),
                Rule(5, new AllowRule("*", "safed.example.org", 0, [], 0, 0, 0)),
            ];
            Assert.True(await keeper.KeepAsync(), keeper.Problem);
            await keeper.Telling;
            Assert.Equal(HostState.Running, fleet.Hosts.Proxy!.State);
            Assert.DoesNotContain(fleet.Hosts.Status(), h => h.Name == "proxy");
            await LookAsync(fleet, server);
            await InstallAsync(fleet);
        }

        // The proxy is suspended and resumed with the others, and finds the rules that hold then.
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        await fleet.Volume.ReopenAsync();
        await fleet.StartAsync();
        standing = [.. standing.Where(s => s.Number is 1)];
        await using (var keeper = Keeper())
        {
            await keeper.PrepareAsync(() => standing, adopted: false);
            Assert.All(await fleet.Hosts.ResumeAllAsync(1, stop: TestContext.Current.CancellationToken), o => Assert.True(o.Done, Fleet.Why(o)));
            Assert.True(await keeper.KeepAsync(), keeper.Problem);
            Assert.Contains("\"method\": \"GET\"", await FetchAsync(fleet, "https://git.example.org/"), StringComparison.Ordinal);
            Assert.Contains("No rule lets build reach mirror.example.org:80.", await FetchAsync(fleet, "http://mirror.example.org/"), StringComparison.Ordinal);

            // A rule that is taken away cuts what goes by it, though another one stays; that one ends by itself, and with the last of them the proxy goes.
            var endless = await EndlessAsync(fleet, "https://git.example.org/endless");
            var end = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.AddSeconds(30).ToUnixTimeSeconds());
            standing = [Rule(6, new AllowRule("build", "pool.example.net", 80, [], 0, 0, end.ToUnixTimeSeconds()))];
            Assert.True(await keeper.KeepAsync(), keeper.Problem);
            Assert.Contains("ended with", await endless, StringComparison.Ordinal);    // where the end of a stream is the end of its connection that is no failure
            endless = await EndlessAsync(fleet, "http://pool.example.net/endless");
            keeper.Begin();
            Assert.Contains("ended with", await endless, StringComparison.Ordinal);
            Assert.InRange(DateTimeOffset.UtcNow, end, end + TimeSpan.FromSeconds(60));    // packets stop; who waits for more gives up after his own 30 s
            while (fleet.Hosts.Proxy is not null || (await InAsync(fleet, "env")).Contains("http_proxy", StringComparison.Ordinal))
            {
                await Task.Delay(200, TestContext.Current.CancellationToken);
            }

            await keeper.Telling;
            Assert.Null(fleet.Hosts.Proxy);
            Assert.False(Directory.Exists(fleet.Volume.At("hosts/proxy")));
            Assert.DoesNotContain("world", await Tool.RunAsync("ip", ["-o", "link", "show"], network: server.Server), StringComparison.Ordinal);
            Assert.DoesNotContain("http_proxy", await InAsync(fleet, "env; ls /etc/apt/apt.conf.d /usr/local/share/ca-certificates"), StringComparison.Ordinal);
        }
    }

    private static async Task LookAsync(Fleet fleet, TestServer server)
    {
        Assert.Contains("http_proxy=http://", await InAsync(fleet, "env"), StringComparison.Ordinal);
        Assert.Contains("\"method\": \"GET\"", await FetchAsync(fleet, "https://git.example.org/"), StringComparison.Ordinal);
        Assert.Contains("\"took\": 5", await FetchAsync(fleet, "https://git.example.org/", "12345"), StringComparison.Ordinal);

        // The reason is on the screen: in the first line of the answer, or on a page under the authority that the host was given.
        var missing = Reason.NoRule("build", "other.example.net", "443");
        string refused = await FetchAsync(fleet, "https://other.example.net/", bundle: "/etc/ssl/certs/ca-certificates.crt");
        Assert.Contains(missing.What, refused, StringComparison.Ordinal);
        Assert.Contains(missing.Command, refused, StringComparison.Ordinal);
        string page = await InAsync(fleet, "git ls-remote https://other.example.net/x.git 2>&1; true");
        Assert.Contains($"remote: {Reason.Begin}{missing.What}", page, StringComparison.Ordinal);
        Assert.Contains("Rule 2 lets build reach mirror.example.org:80 with GET, HEAD, not with POST.", await FetchAsync(fleet, "http://mirror.example.org/", "x"), StringComparison.Ordinal);
        foreach (string name in (string[])["control.example.org", "safed.example.org"])
        {
            Assert.Contains(Reason.Inside(name).What, await FetchAsync(fleet, $"http://{name}/"), StringComparison.Ordinal);
        }

        string own = (await InAsync(fleet, "hostname -I")).Split(' ')[0];
        Assert.Equal("TLS", await InAsync(fleet, $"python3 /safe/greeting.py {server.Addresses.Proxy} {own} git.example.org"));
        Assert.Equal("closed", await InAsync(fleet, $"python3 /safe/greeting.py {server.Addresses.Proxy} {own} git.example.org name other.example.net"));
    }

    // A real package manager, from a source whose packages lie under a second name.
    private static async Task InstallAsync(Fleet fleet)
    {
        const string Apt = "sudo apt-get -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/tmp/sources -o Acquire::Retries=0";
        await InAsync(fleet, "mkdir -p /tmp/sources && echo 'deb [trusted=yes] http://mirror.example.org/files/ ./' >/tmp/sources/one.list");
        string said = await InAsync(fleet, $"{Apt} update 2>&1 && {Apt} install -y {Internet.Package} 2>&1; cat /usr/share/safes-hello/hello");
        Assert.True(said.EndsWith("hello", StringComparison.Ordinal), said);
        foreach (string scheme in (string[])["http", "https"])
        {
            // What it shows of a refusal is the first line of the answer.
            await InAsync(fleet, $"echo 'deb [trusted=yes] {scheme}://other.example.net/files/ ./' >/tmp/sources/one.list");
            said = await InAsync(fleet, $"{Apt} update 2>&1; true");
            Assert.Contains(ReasonLine(scheme == "http" ? "80" : "443"), said, StringComparison.Ordinal);
        }

        // pip, and what Python's programs show that are made as it is.
        said = await InAsync(fleet, "python3 -m pip download --retries 1 --index-url https://other.example.net/simple hello 2>&1 || python3 -c 'import urllib.request; urllib.request.urlopen(\"https://other.example.net/\")' 2>&1");
        Assert.Contains($"Tunnel connection failed: 403 {ReasonLine("443")}", said, StringComparison.Ordinal);
    }

    private static string ReasonLine(string port) =>
        $"{Reason.NoRule("build", "other.example.net", port).What} An owner can change that: {Reason.NoRule("build", "other.example.net", port).Command}";

    private static StandingRule Rule(int number, AllowRule rule) => new(number, rule, default, "Anna", default);

    private static Task<string> FetchAsync(Fleet fleet, string url, string body = "", string bundle = "/safe/internet.crt") =>
        InAsync(fleet, $"python3 /safe/fetch.py {url} {bundle} {body}");

    /// <summary>A download that has begun.</summary>
    private static async Task<Task<string>> EndlessAsync(Fleet fleet, string url)
    {
        var endless = InAsync(fleet, $"python3 /safe/fetch.py {url} /safe/internet.crt; echo ended with $?");
        await InAsync(fleet, "until ss -Htn state established 'dport = :3128' | grep -q .; do sleep .2; done; sleep 2");
        Assert.False(endless.IsCompleted);
        return endless;
    }

    private static async Task<string> InAsync(Fleet fleet, string command)
    {
        var said = await fleet.SshAsync("build", command);
        return (said.Output + said.Error).Trim();
    }

    /// <summary>The fleet goes on with a real network's ports, and is reached through its gateway.</summary>
    private static async Task ThroughAsync(TestServer server, Fleet fleet)
    {
        await fleet.Hosts.DisposeAsync();
        fleet.With = o => o with { Ports = new SafeNetworkPorts(server.Network), World = new SafeNetworkWorld(server.Network) };
        await fleet.StartAsync();
        string gateway = await server.GatewayAsync(0);
        await server.Network.AllowDevicesAsync([server.Addresses.Device(0)]);
        fleet.Desk = (gateway, $"{server.Addresses.Device(0)}");
    }
}
