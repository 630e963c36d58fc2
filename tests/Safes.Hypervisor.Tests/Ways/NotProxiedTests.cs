using System.Net;
using System.Net.Sockets;
using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Ways;

/// <summary>What programs in a host ask the proxy for, tried with the programs themselves.</summary>
public sealed class NotProxiedTests : IDisposable
{
    private readonly string place = Directory.CreateTempSubdirectory("safes-direct").FullName;
    private readonly NotProxied direct = Direct("desk", "build");

    public void Dispose() => Directory.Delete(place, recursive: true);

    [Theory]
    [InlineData("curl", "curl -s -m 5 -o /dev/null \"$1\"")]
    [InlineData("git", "timeout 5 git -c http.lowSpeedTime=4 ls-remote \"$1\"")]
    [InlineData("python3", "python3 -c 'import sys,urllib.request; urllib.request.urlopen(sys.argv[1], timeout=4)' \"$1\"")]
    public async Task The_safes_own_hosts_are_asked_for_directly_and_others_through_the_proxy(string program, string command)
    {
        Assert.SkipUnless((await Tool.TryAsync("sh", ["-c", $"command -v {program}"])).Exit == 0, $"{program} is not installed");
        foreach (string own in (string[])["desk", "desk.ledger", "new.ledger", "10.83.17.10", .. program == "python3" ? (string[])[] : ["10.83.17.99"], "[fd00::b]", "localhost"])
        {
            Assert.False(await AsksTheProxyAsync(command, $"http://{own}:9/"), $"{program} asks the proxy for {own}");
        }

        foreach (string other in (string[])["pypi.org", "192.0.2.7", "desk.example.org", "notdesk"])
        {
            Assert.True(await AsksTheProxyAsync(command, $"http://{other}:9/"), $"{program} does not ask the proxy for {other}");
        }
    }

    [Fact]
    public async Task What_is_written_down_changes_with_the_names_and_nothing_else_does()
    {
        string variables = Path.Combine(place, "environment"), apt = Path.Combine(place, "apt");
        const string Own = "EDITOR=vi\nno_proxy=mine\n";
        await File.WriteAllTextAsync(variables, $"{Own}# safe: begin, the way outside\nhttp_proxy=http://p\nno_proxy=localhost\nNO_PROXY=localhost\n# safe: end\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(apt, "Acquire::http::Proxy \"http://p\";\n", TestContext.Current.CancellationToken);
        foreach (var now in (NotProxied[])[direct, Direct("shelf"), Direct("shelf")])
        {
            await Tool.RunAsync("sh", ["-ec", now.Script.Replace(NotProxied.Variables, variables, StringComparison.Ordinal).Replace(NotProxied.Apt, apt, StringComparison.Ordinal)]);
            Assert.Equal($"{Own}# safe: begin, the way outside\nhttp_proxy=http://p\nno_proxy={now.List}\nNO_PROXY={now.List}\n# safe: end\n", await File.ReadAllTextAsync(variables, TestContext.Current.CancellationToken));
            Assert.Equal($"Acquire::http::Proxy \"http://p\";\n{now.AptLines}", await File.ReadAllTextAsync(apt, TestContext.Current.CancellationToken));
        }

        Assert.Contains("Acquire::http::Proxy::desk.ledger \"DIRECT\";", direct.AptLines, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_no_longer_than_a_line_of_the_environment_may_be_and_names_come_first()
    {
        var many = Direct([.. Enumerable.Range(10, 60).Select(i => $"host-number-{i}")]);
        Assert.InRange(many.List.Length, 700, 1000);
        Assert.Contains(".ledger,10.83.17.0/24,fd00::/64,", many.List, StringComparison.Ordinal);
    }

    [Fact]
    public void A_proxy_that_has_no_room_says_how_much_it_needs_how_much_there_is_and_who_can_help()
    {
        Assert.Equal(
            "room: 1500 MiB are needed on the volume, 200 MiB are free; members can remove files or hosts, the supplier can make the volume larger",
            HostFaults.Note(new FaultException(FaultCodes.HostDisk, ("why", "room"), ("wanted", $"{1500L << 20}"), ("available", $"{200L << 20}"))));
        Assert.StartsWith(
            "memory: 512 MiB are needed, 100 MiB are left on the server; members can stop",
            HostFaults.Note(new FaultException(FaultCodes.HostMemory, ("why", "memory"), ("wanted", $"{512L << 20}"), ("available", $"{100L << 20}"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(30, true, null)]
    [InlineData(3 * 86400, true, "its clock is 3 days ahead: SSH refuses new logins")]
    [InlineData(3 * 3600, false, "its clock is 3 hours behind: SSH refuses new logins")]
    public void A_host_whose_clock_was_set_is_told_with_what_comes_of_it(int seconds, bool ahead, string? words)
    {
        string? said = VirtualHost.ClockWords(TimeSpan.FromSeconds(seconds), ahead);
        Assert.True(words is null ? said is null : said!.StartsWith(words, StringComparison.Ordinal), said);
        Assert.NotNull(VirtualHost.ClockWords(TimeSpan.MaxValue, ahead));
    }

    private static NotProxied Direct(params string[] names) =>
        new("ledger", [.. names.Select((n, i) => new NamedHost(n, IPAddress.Parse($"10.83.17.{10 + i}"), IPAddress.Parse($"fd00::{10 + i:x}")))]);

    // Nothing answers anywhere: what matters is whom it turns to.
    private async Task<bool> AsksTheProxyAsync(string command, string url)
    {
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        int port = ((IPEndPoint)proxy.LocalEndpoint).Port;
        var asked = proxy.AcceptSocketAsync(TestContext.Current.CancellationToken).AsTask();
        var environment = new Dictionary<string, string>(ChildStart.DefaultEnvironment)
        {
            ["http_proxy"] = $"http://127.0.0.1:{port}",
            ["no_proxy"] = direct.List,
            ["NO_PROXY"] = direct.List,
            ["HOME"] = place,
        };
        var tried = Tool.TryAsync("sh", ["-c", command, "try", url], environment: environment);
        var first = await Task.WhenAny(asked, tried);
        if (first == asked)
        {
            (await asked).Dispose();
        }

        await tried;
        return asked.IsCompletedSuccessfully;
    }
}
