using Safes.Hypervisor.Effects;
using Safes.Linux;
using Safes.Network;

namespace Safes.Hypervisor.Tests.Daemon;

[Trait("needs", "root")]
public sealed class HostProcessesTests : IAsyncLifetime
{
    private readonly string place = Directory.CreateTempSubdirectory("safes-processes").FullName;

    private SafePaths Paths => new(Path.Combine(place, "state"), Path.Combine(place, "run"), "ledger");

    private string OnVolume => Path.Combine(Paths.MountPoint, "safe", "hosts", "desk");

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(Unistd.EffectiveUser == 0 || Environment.GetEnvironmentVariable("CI") == "true", "needs root");
        Directory.CreateDirectory(OnVolume);
        Directory.CreateDirectory(Path.Combine(Paths.Hosts, "desk"));
        Directory.CreateDirectory(Paths.Namespaces);
        await Tool.RunAsync("mount", ["--bind", "--make-private", Paths.Namespaces, Paths.Namespaces]);
        await NetworkNamespace.EnsureAsync(Paths.EmptyPin);
    }

    public async ValueTask DisposeAsync()
    {
        if (Directory.Exists(Paths.Namespaces))
        {
            await NetworkNamespace.RemoveAsync(Paths.EmptyPin);
            await Tool.RunAsync("umount", [Paths.Namespaces]);
        }

        Directory.Delete(place, recursive: true);
    }

    [Fact]
    public void The_hosts_processes_are_found_and_ended_whatever_they_are_called()
    {
        using var qemu = Start("anything", OnVolume, Paths.EmptyPin);
        using var virtiofsd = Start("other", Path.Combine(Paths.Hosts, "desk"), Paths.EmptyPin);
        Assert.Equal([qemu.Pid, virtiofsd.Pid], HostProcesses.Find(Paths).Select(p => p.Pid).Order());
        Assert.Empty(HostProcesses.Find(Paths with { Name = "other" }));
        File.CreateSymbolicLink(Path.Combine(place, "link"), Paths.RunRoot);
        Assert.Equal(2, HostProcesses.Find(Paths with { RunRoot = Path.Combine(place, "link") }).Count);
        HostProcesses.End(Paths, TimeSpan.FromSeconds(5));
        Assert.Empty(HostProcesses.Find(Paths));
    }

    [Fact]
    public async Task One_that_was_recorded_is_known_by_number_and_start_time_and_one_that_has_its_number_since_is_not()
    {
        using var known = Start("anything", place, network: null);
        string begun = (await File.ReadAllTextAsync($"/proc/{known.Pid}/stat", TestContext.Current.CancellationToken)).Split(") ")[1].Split(' ')[19], record = Path.Combine(Paths.Hosts, "desk", "process.json");
        await File.WriteAllTextAsync(record, $$"""{"qemu":{{known.Pid}},"qemu_start":{{ulong.Parse(begun, null) - 1}},"virtiofsd":0,"virtiofsd_start":0}""", TestContext.Current.CancellationToken);
        Assert.Empty(HostProcesses.Find(Paths));
        await File.WriteAllTextAsync(record, $$"""{"qemu":{{known.Pid}},"qemu_start":{{begun}},"virtiofsd":0,"virtiofsd_start":0}""", TestContext.Current.CancellationToken);
        HostProcesses.End(Paths, TimeSpan.FromSeconds(5));
        await known.Exited.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        Assert.Empty(HostProcesses.Find(Paths));
    }

    [Fact]
    public void A_foreign_process_whose_command_line_names_the_volume_and_our_programs_is_neither_found_nor_ended()
    {
        using var shell = Start("virtiofsd", OnVolume, network: null, $"sleep 60; : virtiofsd --shared-dir {Paths.MountPoint}/safe -uuid");
        using var elsewhere = Start("qemu-system-x86_64", place, Paths.EmptyPin, $"sleep 60; : virtiofsd {Paths.MountPoint}/safe");
        Assert.Empty(HostProcesses.Find(Paths));
        HostProcesses.End(Paths, TimeSpan.FromSeconds(1));
        Assert.False(shell.Exited.IsCompleted);
        Assert.False(elsewhere.Exited.IsCompleted);
        shell.KillGroup();
        elsewhere.KillGroup();
    }

    private Child Start(string name, string directory, string? network, string script = "exec sleep 60")
    {
        string program = Path.Combine(Directory.CreateDirectory(Path.Combine(place, "programs")).FullName, name);
        File.CreateSymbolicLink(program, "/bin/sh");
        return Child.Start(new ChildStart(program, ["-c", script]) { WorkingDirectory = directory, NetworkNamespace = network });
    }
}
