using Safes.Client.Opening;
using Safes.Client.Reports;
using Safes.Contracts.V1;

namespace Safes.Client.Tests;

public sealed class HowLongAgo
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    [Theory]
    [InlineData(-5, "0 s")]
    [InlineData(119, "119 s")]
    [InlineData(120, "2 min")]
    [InlineData(7199, "119 min")]
    [InlineData(7200, "2 h")]
    [InlineData(14 * 3600 + 1800, "14 h")]
    [InlineData(48 * 3600, "2 days")]
    public void An_age_is_told_in_the_unit_that_a_person_would_use(long seconds, string words) => Assert.Equal(words, Ages.Words(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Hosts_are_as_they_were_left_and_one_that_booted_since_is_not()
    {
        Host[] hosts = [Host("desk", "running", 14), Host("build", "running", 14), Host("new", "running"), Host("web", "stopped", 14), Host("old", "suspended", 90)];
        Assert.Equal("desk, build running, as you left them 14 h ago; new running; web stopped; old suspended 3 days ago", HostsLeft.Words(hosts, Now));
        Assert.Equal("desk running, as you left it 14 h ago", HostsLeft.Words(hosts[..1], Now));
        Assert.Equal("none yet: safe host add NAME", HostsLeft.Words([], Now));
    }

    [Fact]
    public void One_that_is_not_as_it_should_be_says_why()
    {
        Host[] hosts = [Host("desk", "running", 14), Host("build", "degraded", 14), Host("web", "failed")];
        (hosts[0].Note, hosts[1].Note, hosts[2].Note) = ("fine", "clock not set: cut off until it is", "no image\u001b[2J");
        Assert.Equal("desk running, as you left it 14 h ago (fine); build degraded, as you left it 14 h ago (clock not set: cut off until it is); web failed (no image\ufffd[2J)", HostsLeft.Words(hosts, Now));
    }

    [Fact]
    public void Of_an_open_safe_it_is_told_how_long_before_its_opening_they_were_left()
    {
        long opened = Now.ToUnixTimeSeconds() - 3600;
        Assert.Equal("13 h", HostsLeft.Before([Host("desk", "running", 14), Host("build", "running", 20)], opened));
        Assert.Null(HostsLeft.Before([Host("desk", "running"), Host("old", "suspended", 90)], opened));
    }

    private static Host Host(string name, string state, int hours = 0) =>
        new() { Name = name, State = state, SuspendedUnix = hours == 0 ? 0 : Now.ToUnixTimeSeconds() - (hours * 3600) };
}
