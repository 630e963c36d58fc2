using System.Net;
using Safes.Hypervisor.Ways;
using Safes.Network;
using Safes.Rules;

namespace Safes.Hypervisor.Tests.Ways;

/// <summary>What owners' rules come to mean at bridge and gateway.</summary>
public class WaysPlanTests
{
    private static readonly Dictionary<string, int> Hosts = new() { ["desk"] = 10, ["build"] = 11, ["lab"] = 12 };

    [Fact]
    public void Without_a_rule_devices_reach_ssh_and_hosts_each_other()
    {
        var plan = Plan();
        Assert.True(plan.In.Shell);
        Assert.Empty(plan.In.Services);
        Assert.Empty(plan.Groups);
    }

    [Fact]
    public void Rules_name_hosts_and_those_that_are_not_there_mean_nothing()
    {
        var plan = Plan(DataOut.FourEyes, new GroupRule("ci", ["build", "gone"]), new GroupRule("old", ["gone"]), new ExposeRule("lab", 8888), new ExposeRule("gone", 8888));
        Assert.Equal([11], Assert.Single(plan.Groups));
        Assert.Equal([new ServicePort(Address(12), 8888)], plan.In.Services);
        Assert.True(plan.In.Shell);
    }

    [Fact]
    public void Closed_mode_leaves_devices_no_way_in_and_hosts_as_they_were()
    {
        var plan = Plan(DataOut.Closed, new GroupRule("ci", ["build"]), new ExposeRule("lab", 8888));
        Assert.Equal(WaysIn.None, plan.In);
        Assert.Single(plan.Groups);
    }

    private static WaysPlan Plan(DataOut mode = DataOut.Free, params Rule[] rules) => WaysPlan.Of(rules, mode, Hosts, Address);

    private static IPAddress Address(int number) => IPAddress.Parse($"10.83.17.{number}");
}
