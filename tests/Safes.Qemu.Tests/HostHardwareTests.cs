namespace Safes.Qemu.Tests;

public sealed class HostHardwareTests
{
    private static readonly HostHardware Desk = new("desk", 1, 512L << 20, "52:54:00:53:01:0a", 64210, Guid.NewGuid());

    [Fact]
    public void What_tells_hosts_apart_does_not_part_their_memory_images() => Assert.Equal(
        Desk.Shape("tcg"), (Desk with { Name = "build", Mac = "52:54:00:53:01:0b", User = 64211, Uuid = Guid.NewGuid() }).Shape("tcg"));

    [Fact]
    public void Whatever_the_guest_sees_does()
    {
        string shape = Desk.Shape("tcg");
        Assert.NotEqual(shape, (Desk with { Cpus = 2 }).Shape("tcg"));
        Assert.NotEqual(shape, (Desk with { MemoryBytes = 1L << 30 }).Shape("tcg"));
        Assert.NotEqual(shape, (Desk with { Append = "quiet" }).Shape("tcg"));
        Assert.NotEqual(shape, Desk.Shape("kvm"));
    }

    [Fact]
    public void Guest_memory_never_gets_into_a_core_file_and_QEMU_may_start_nothing()
    {
        string[] arguments = [.. Desk.Arguments("tcg", "image", "id", new Slots(3, 4, 5, 6))];
        Assert.Contains(arguments, a => a.Contains("dump-guest-core=off", StringComparison.Ordinal));
        var tools = new Tools { Qemu = "/q", QemuImg = "/i", Virtiofsd = ["/v"], Kernel = "/k", Modules = "/m", Busybox = "/b", Accelerator = "tcg" };
        var start = QemuCommand.Start(tools, arguments, 64210, [], "/pin", "/log");
        Assert.Equal("setpriv", start.Program);
        Assert.Contains("--bounding-set=-all", start.Arguments);
        Assert.Contains("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", start.Arguments);
        Assert.True(start is { NoHugePages: true, NoCore: true });
        Assert.True(VirtiofsdCommand.Start(tools, "", new Microsoft.Win32.SafeHandles.SafeFileHandle(), "/pin").NoCore);
        Assert.Equal("/pin", start.NetworkNamespace);
    }
}
