using Safes.Linux;

namespace Safes.Qemu.Tests;

/// <summary>Programs stand in for QEMU and virtiofsd: what counts is where they work and one argument.</summary>
public sealed class StrayProcessesTests : IDisposable
{
    private readonly string place = Directory.CreateTempSubdirectory("safes-stray-").FullName;
    private readonly List<Child> children = [];

    public StrayProcessesTests()
    {
        Directory.CreateDirectory(Places.Home);
        Directory.CreateDirectory(Places.Run);
    }

    private HostPlaces Places => new(Path.Combine(place, "home"), Path.Combine(place, "run"), Path.Combine(place, "share"), place);

    public void Dispose()
    {
        children.ForEach(c => c.Kill());
        children.ForEach(c => c.Dispose());
        Directory.Delete(place, recursive: true);
    }

    [Fact]
    public async Task A_machine_that_was_started_and_not_recorded_is_ended_when_it_would_be_adopted()
    {
        var (qemu, virtiofsd) = (Start(Places.Home, "-uuid"), Start(Places.Run, "--shared-dir"));
        Child[] others = [Start(Places.Home, "-edit"), Start(place, "-uuid"), Start(place, "--shared-dir")];
        Assert.Null(await VirtualMachine.AdoptAsync(Machine()));
        await Task.WhenAll(qemu.Exited, virtiofsd.Exited).WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        Assert.All(others, o => Assert.False(o.Exited.IsCompleted, "somebody else's was ended"));
    }

    [Theory]
    [InlineData("{\"return\": {}")]
    [InlineData("{\"return\": {\"UUID\": 7}")]
    [InlineData("{\"return\": {\"UUID\": \"\\ud800\"}")]
    [InlineData("{\"return\": {\"UUID\": \"01234567-89ab-cdef-0123-456789abcdef\"}")]
    [InlineData("{\"return\": [[[]]]")]
    [InlineData("garbage")]
    public async Task A_recorded_QEMU_that_makes_no_sense_is_ended_and_not_taken_over(string answer)
    {
        using var peer = new Peer();
        File.CreateSymbolicLink(Places.QmpSocket, peer.Path);
        var (qemu, virtiofsd) = (Start(Places.Home, "-uuid"), Start(Places.Run, "--shared-dir"));
        var machine = Machine();
        File.WriteAllText(
            Places.ProcessRecord,
            $$"""{"qemu":{{qemu.Pid}},"qemu_start":{{StartOf(qemu)}},"virtiofsd":{{virtiofsd.Pid}},"virtiofsd_start":{{StartOf(virtiofsd)}},"uuid":"{{machine.Hardware.Uuid}}"}""");
        var adopting = VirtualMachine.AdoptAsync(machine);
        await peer.GreetAsync();
        for (int i = 0; i < 2 && !adopting.IsCompleted; i++)
        {
            if (await Task.WhenAny(peer.HearJsonAsync(), adopting) is Task<System.Text.Json.Nodes.JsonNode> asked)
            {
                string? id = (await Record.ExceptionAsync(() => asked)) is null ? $"{(await asked)["id"]}" : null;
                await Record.ExceptionAsync(() => peer.SayAsync($"{answer}, \"id\": {id}}}\n"));
            }
        }

        Assert.Null(await adopting.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
        await Task.WhenAll(qemu.Exited, virtiofsd.Exited).WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);

        static string StartOf(Child child) => File.ReadAllText($"/proc/{child.Pid}/stat").Split(") ")[1].Split(' ')[19];
    }

    [Fact]
    public async Task It_is_ended_before_another_is_started_with_the_same_disk()
    {
        var qemu = Start(Places.Home, "-uuid");
        // No QEMU comes of it; what matters is what it finds before.
        var machine = Machine() with { OpenPort = () => Task.FromResult(Fcntl.Open("/dev/null", Fcntl.ReadWrite)) };
        await Assert.ThrowsAnyAsync<Exception>(() => VirtualMachine.StartAsync(machine));
        await qemu.Exited.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task It_is_ended_when_its_host_is()
    {
        var qemu = Start(Places.Home, "-uuid");
        await VirtualMachine.KillRecordedAsync(Places, TimeSpan.FromSeconds(5));
        await qemu.Exited.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task It_is_found_behind_links_too()
    {
        var (qemu, virtiofsd) = (Start(Places.Home, "-uuid"), Start(Places.Run, "--shared-dir"));
        string link = place + ".link";
        Directory.CreateSymbolicLink(link, place);
        try
        {
            await VirtualMachine.KillRecordedAsync(
                new HostPlaces(Path.Combine(link, "home"), Path.Combine(link, "run"), "", ""), TimeSpan.FromSeconds(5));
        }
        finally
        {
            File.Delete(link);
        }

        await Task.WhenAll(qemu.Exited, virtiofsd.Exited).WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void One_that_turns_out_to_be_another_is_neither_ended_nor_waited_for()
    {
        var other = Start(Places.Home, "-uuid");
        var begin = BootClock.Now;
        StrayProcesses.End([other.Pid], _ => false, TimeSpan.FromSeconds(60));
        Assert.True(BootClock.Now - begin < TimeSpan.FromSeconds(30), "it was waited for");
        Assert.False(other.Exited.IsCompleted);
    }

    [Fact]
    [Trait("needs", "root")]
    public async Task By_its_user_only_what_was_born_into_the_safes_own_network_is_ended()
    {
        using var born = Child.Start(new ChildStart("/usr/bin/unshare", ["--net", "sleep", "60"]));
        string its = $"/proc/{born.Pid}/ns/net", network = Path.Combine(place, "network");
        Assert.True(SpinWait.SpinUntil(() => Link(its) != Link("/proc/self/ns/net"), TimeSpan.FromSeconds(20)), "it has no network of its own");
        File.WriteAllText(network, "");
        await Tool.RunAsync("mount", ["--bind", its, network]);
        try
        {
            Child host = As(64210, network), anotherSafes = As(64210, null), anotherHosts = As(64211, network);
            await Task.Run(
                () => StrayProcesses.End(64210, network, Places.Run, TimeSpan.FromSeconds(5)), TestContext.Current.CancellationToken);
            await host.Exited.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
            Assert.All([anotherSafes, anotherHosts], o => Assert.False(o.Exited.IsCompleted, "somebody else's was ended"));
        }
        finally
        {
            born.Kill();
            await Tool.RunAsync("umount", [network]);
        }

        static string? Link(string path) => new FileInfo(path).LinkTarget;

        Child As(uint user, string? pin)
        {
            var child = Child.Start(new ChildStart("/usr/bin/setpriv", [$"--reuid={user}", "--clear-groups", "sleep", "60"]) { NetworkNamespace = pin });
            children.Add(child);
            Assert.True(SpinWait.SpinUntil(() => ProcessTable.UserOf(child.Pid) == user, TimeSpan.FromSeconds(20)), "it has not become its user");
            return child;
        }
    }

    private MachineStart Machine() => new(
        new Tools { Qemu = "/bin/false", QemuImg = "/bin/false", Virtiofsd = ["/bin/false"], Kernel = "", Modules = "", Busybox = "", Accelerator = "tcg", QemuVersion = "" },
        new HostHardware("desk", 1, 1 << 20, "", 0, Guid.NewGuid()), Places, () => throw new InvalidOperationException());

    private Child Start(string directory, string argument)
    {
        var child = Child.Start(new ChildStart("/bin/sh", ["-c", "sleep 60; :", argument]) { WorkingDirectory = directory });
        children.Add(child);
        // The kernel lets go of who started it before it has its arguments in place.
        Assert.True(SpinWait.SpinUntil(() => File.ReadAllText($"/proc/{child.Pid}/cmdline").Contains(argument, StringComparison.Ordinal), TimeSpan.FromSeconds(20)), "it has no arguments");
        return child;
    }
}
