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

    /// <summary>Waking somebody can make the pool start a worker, which is born in the namespaces of the thread that wakes, and stays there.</summary>
    [Fact]
    public async Task Nobody_is_woken_from_a_namespace_that_was_only_visited()
    {
        string mounts = Link("/proc/thread-self/ns/mnt");
        using var other = await OtherMountsAsync();
        var witness = new Witness();
        using var go = new ManualResetEventSlim();
        var visit = Sched.StartInMounts(other, () =>
        {
            go.Wait();
            return Link("/proc/thread-self/ns/mnt");
        });
        var woken = visit.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, witness);
        go.Set();
        await woken;
        Assert.NotEqual(mounts, await visit);
        Assert.Equal(mounts, witness.WokenFrom);
    }

    /// <summary>Notes where the one is that wakes.</summary>
    private sealed class Witness : TaskScheduler
    {
        public string? WokenFrom { get; private set; }

        protected override void QueueTask(Task task)
        {
            WokenFrom = Link("/proc/thread-self/ns/mnt");
            TryExecuteTask(task);
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }

    /// <summary>A mount namespace that lives as long as its descriptor.</summary>
    private static async Task<Microsoft.Win32.SafeHandles.SafeFileHandle> OtherMountsAsync()
    {
        using var sleeper = Child.Start(new ChildStart("unshare", ["--mount", "sleep", "1000"]));
        string link = $"/proc/{sleeper.Pid}/ns/mnt";
        while (Link(link) == Link("/proc/thread-self/ns/mnt"))
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        var opened = Fcntl.Open(link, Fcntl.ReadOnly);
        sleeper.KillGroup();
        return opened;
    }

    private static string Link(string path) => new FileInfo(path).LinkTarget!;
}
