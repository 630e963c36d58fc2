using Safes.Hypervisor.Effects;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Daemon;

public sealed class HostProcessesTests : IDisposable
{
    private readonly string mountPoint = Directory.CreateTempSubdirectory("safes-processes").FullName;

    private string Programs => mountPoint + ".programs";

    public void Dispose()
    {
        Directory.Delete(mountPoint, recursive: true);
        Directory.Delete(Programs, recursive: true);
    }

    [Fact]
    public void Qemu_is_found_and_ended_though_its_command_line_names_nothing_on_the_volume()
    {
        using var qemu = Start("qemu-system-test", Directory.CreateDirectory(Path.Combine(mountPoint, "safe", "hosts", "desk")).FullName);
        Assert.Contains((qemu.Pid, "qemu-system-test"), HostProcesses.Find(mountPoint));
        Assert.Empty(HostProcesses.Find(mountPoint + "2"));
        File.CreateSymbolicLink(Path.Combine(Programs, "link"), mountPoint);
        Assert.Contains((qemu.Pid, "qemu-system-test"), HostProcesses.Find(Path.Combine(Programs, "link")));
        HostProcesses.End(mountPoint, TimeSpan.FromSeconds(5));
        Assert.Empty(HostProcesses.Find(mountPoint));
    }

    [Fact]
    public void Another_program_that_works_there_is_not_a_hosts()
    {
        using var shell = Start("shell", Directory.CreateDirectory(Path.Combine(mountPoint, "safe")).FullName);
        Assert.Empty(HostProcesses.Find(mountPoint));
        shell.KillGroup();
    }

    private Child Start(string name, string directory)
    {
        string program = Path.Combine(Directory.CreateDirectory(Programs).FullName, name);
        File.CreateSymbolicLink(program, "/bin/sleep");
        return Child.Start(new ChildStart(program, ["60"]) { WorkingDirectory = directory });
    }
}
