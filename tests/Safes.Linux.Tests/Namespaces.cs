namespace Safes.Linux.Tests;

[Trait("needs", "root")]
public sealed class Namespaces : IDisposable
{
    private readonly string name = $"safes-lt-{Environment.ProcessId}";
    private readonly bool made;

    public Namespaces()
    {
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(Unistd.EffectiveUser == 0, "needs root");
        }

        Tool.RunAsync("ip", ["netns", "add", name]).GetAwaiter().GetResult();
        made = true;
    }

    private string Pin => $"/run/netns/{name}";

    public void Dispose()
    {
        if (made)
        {
            Tool.RunAsync("ip", ["netns", "delete", name]).GetAwaiter().GetResult();
        }
    }

    [Fact]
    public void Work_in_a_network_namespace_leaves_the_caller_where_it_was()
    {
        string before = Link("/proc/thread-self/ns/net");
        string inside = Sched.InNetwork(Pin, () => Link("/proc/thread-self/ns/net"));
        Assert.NotEqual(before, inside);
        Assert.Equal(before, Link("/proc/thread-self/ns/net"));
    }

    [Fact]
    public async Task A_child_is_born_in_the_namespace_given()
    {
        string links = await Tool.RunAsync("ip", ["-o", "link"], network: Pin);
        Assert.Single(links.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("lo:", links, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tap_lives_in_its_namespace_as_long_as_its_descriptor()
    {
        using (var tap = Tun.OpenTap(Pin, "tap-lt"))
        {
            Assert.Contains("tap-lt", await Tool.RunAsync("ip", ["-o", "link"], network: Pin), StringComparison.Ordinal);
            Assert.DoesNotContain("tap-lt", await Tool.RunAsync("ip", ["-o", "link"]), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("tap-lt", await Tool.RunAsync("ip", ["-o", "link"], network: Pin), StringComparison.Ordinal);
    }

    [Fact]
    public void A_namespace_that_is_gone_is_an_error() =>
        Assert.Throws<LinuxException>(() => Sched.InNetwork("/run/netns/safes-none", () => 0));

    private static string Link(string path) => new FileInfo(path).LinkTarget!;
}
