using Microsoft.Extensions.Logging;
using Safes.Hypervisor.Doctor;
using Safes.Hypervisor.Doctor.Checks;
using Safes.Hypervisor.Ways;
using Safes.Linux;
using Safes.Network;

namespace Safes.Hypervisor.Tests.Ways;

public sealed class NetworkWordsTests
{
    private static readonly SafeAddresses Addresses = SafeAddresses.Parse("10.83.16.0/20");
    private static readonly Obstacle Docker = new("ip filter", "FORWARD", FirewallKind.Docker), Mine = new("inet mine", "passing", FirewallKind.Other);

    [Fact]
    public void Status_says_what_is_in_the_way_and_what_lets_the_safe_pass()
    {
        var good = NetworkWords.Fact(NetworkCondition.Good, Addresses);
        Assert.True(good.Safe);
        var blocked = NetworkWords.Fact(new NetworkCondition(Missing.None, null, [Docker, Mine]), Addresses);
        Assert.False(blocked.Safe);
        Assert.Equal(
            "chain FORWARD of table ip filter (Docker), chain passing of table inet mine drop forwarded packets that they do not name: devices do not reach the gateway; " +
            "iptables -I DOCKER-USER -i safe-83-16 -j ACCEPT; iptables -I DOCKER-USER -o safe-83-16 -j ACCEPT; the same for world-83-16; " +
            "let it accept what comes in or goes out by the links safe-83-16 and world-83-16", blocked.Value);
        var broken = NetworkWords.Fact(new NetworkCondition(Missing.None, new ToolException("nft", ["-f", "-"], "exit status 1", null), []), Addresses);
        Assert.Contains("nft -f -: exit status 1; nothing is forwarded", broken.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void The_doctor_names_a_firewall_in_the_way()
    {
        Assert.Equal(Grade.Good, Forwarding.Judge([]).Grade);
        var finding = Forwarding.Judge([Docker]);
        Assert.Equal(Grade.Should, finding.Grade);
        Assert.Equal("chain FORWARD of table ip filter (Docker) drops forwarded packets that it does not name", finding.What);
        Assert.Contains("-i safe-+ -j ACCEPT", finding.Do, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_made_anew_is_logged_each_time_and_what_is_in_the_way_once()
    {
        var lines = new Lines();
        var log = new NetworkLog(Addresses, lines);
        log.Tell(NetworkCondition.Good);
        log.Tell(new NetworkCondition(Missing.Rules | Missing.Forwarding, null, [Docker]));
        log.Tell(new NetworkCondition(Missing.None, null, [Docker]));
        log.Tell(NetworkCondition.Good);
        log.Tell(new NetworkCondition(Missing.None, null, [Docker]));
        Assert.Equal("made anew in the server's network: rules, forwarding", lines.Said[0]);
        Assert.Equal(3, lines.Said.Count);
    }

    private sealed class Lines : ILogger
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Said.Add(formatter(state, exception));
    }
}
