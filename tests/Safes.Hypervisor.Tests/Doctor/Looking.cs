using Safes.Hypervisor.Doctor;
using Safes.Hypervisor.Doctor.Checks;

namespace Safes.Hypervisor.Tests.Doctor;

public sealed class Looking : IDisposable
{
    private const string SwapHead = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    private readonly OtherServer other = new();

    public void Dispose() => other.Dispose();

    [Fact]
    public void Without_root_the_trials_are_not_made_and_root_is_asked_for() =>
        Assert.Equal(Grade.Must, Privileges.Look(other.Look(root: false)).Grade);

    [Fact]
    public void No_swap_is_good() => Assert.Equal(Grade.Good, Swap.Look(other.With("proc/swaps", SwapHead).Look()).Grade);

    [Fact]
    public void Plain_swap_is_named()
    {
        var finding = Swap.Look(other.With("proc/swaps", SwapHead + "/dev/sda3   partition\t1048572\t0\t-2\n").Look());
        Assert.Equal(Grade.Should, finding.Grade);
        Assert.Contains("/dev/sda3", finding.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Encrypted_swap_and_swap_in_memory_are_good() =>
        Assert.Equal(Grade.Good, Swap.Look(other.With("proc/swaps", SwapHead + "/dev/dm-1 partition\t9\t0\t-2\n/dev/zram0 partition\t9\t0\t-2\n")
            .With("sys/class/block/dm-1/dm/uuid", "CRYPT-PLAIN-swap\n").Look()).Grade);

    [Fact]
    public void Swap_on_a_plain_mapping_is_plain() =>
        Assert.Equal(Grade.Should, Swap.Look(other.With("proc/swaps", SwapHead + "/dev/dm-1 partition\t9\t0\t-2\n").With("sys/class/block/dm-1/dm/uuid", "LVM-abc\n").Look()).Grade);

    [Theory]
    [InlineData("quiet init_on_free=1", "", Grade.Good)]
    [InlineData("quiet", "", Grade.Should)]
    [InlineData("quiet", "CONFIG_INIT_ON_FREE_DEFAULT_ON=y", Grade.Good)]
    [InlineData("init_on_free=0", "CONFIG_INIT_ON_FREE_DEFAULT_ON=y", Grade.Should)]
    [InlineData("init_on_free=1 init_on_free=0", "", Grade.Should)]
    public void Erasing_freed_memory_is_what_the_last_word_on_it_says(string arguments, string configuration, Grade grade) =>
        Assert.Equal(grade, FreedMemory.Look(other.With("proc/cmdline", arguments + "\n").With("proc/sys/kernel/osrelease", "6.12\n").With("boot/config-6.12", configuration).Look()).Grade);

    [Theory]
    [InlineData("core", "0", Grade.Good)]
    [InlineData("/dev/null", "0", Grade.Good)]
    [InlineData("|/usr/lib/systemd/systemd-coredump %P", "0", Grade.Should)]
    [InlineData("core", "1", Grade.Should)]
    public void A_dump_handler_and_a_crash_kernel_are_named(string pattern, string kdump, Grade grade) =>
        Assert.Equal(grade, CoreDumps.Look(other.With("proc/sys/kernel/core_pattern", pattern + "\n").With("sys/kernel/kexec_crash_loaded", kdump + "\n").Look()).Grade);

    [Theory]
    [InlineData("freeze mem disk", "[platform] shutdown", "8:3", Grade.Should)]
    [InlineData("freeze mem disk", "[platform] shutdown", "0:0", Grade.Good)]
    [InlineData("freeze mem disk", "[disabled]", "8:3", Grade.Good)]
    [InlineData("freeze mem", "[platform]", "8:3", Grade.Good)]
    public void Hibernation_matters_when_there_is_a_disk_to_write_to(string state, string disk, string resume, Grade grade) =>
        Assert.Equal(grade, Hibernation.Look(other.With("sys/power/state", state + "\n").With("sys/power/disk", disk + "\n").With("sys/power/resume", resume + "\n").Look()).Grade);

    [Theory]
    [InlineData("1", Grade.Should)]
    [InlineData("0", Grade.Good)]
    public void Merged_pages_are_named(string run, Grade grade) => Assert.Equal(grade, SamePages.Look(other.With("sys/kernel/mm/ksm/run", run + "\n").Look()).Grade);

    [Fact]
    public void A_kernel_without_any_of_these_files_is_no_failure() =>
        Assert.All(new[] { Swap.Look, CoreDumps.Look, Hibernation.Look, SamePages.Look, DeviceMapper.Look }, (Func<Server, Finding> look) => Assert.True(look(other.Look()).Grade <= Grade.Note));

    [Fact]
    public void Without_tools_it_says_what_makes_them()
    {
        var finding = ToolsDirectory.Look(other.Look());
        Assert.Equal(Grade.Must, finding.Grade);
        Assert.Contains("none here", finding.What, StringComparison.Ordinal);
        Assert.Contains("packaging/install server", finding.Do, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_tried_without_tools_counts_once()
    {
        var findings = new List<Finding>();
        foreach (var examination in Examination.All.Where(e => e.Name is "tools" or "accelerator" or "QEMU" or "virtiofsd" or "WireGuard"))
        {
            findings.Add(await examination.RunAsync(other.Look(), TestContext.Current.CancellationToken));
        }

        Assert.Equal(5, findings.Count);
        Assert.Equal("tools", Assert.Single(findings, f => f.Grade == Grade.Must).Name);
    }

    [Fact]
    public async Task A_directory_without_tools_is_named()
    {
        var server = await Server.ExamineThisAsync("/nonexistent/tools");
        Assert.Null(server.Tools);
        Assert.Equal("no tools.json in /nonexistent/tools", server.ToolsProblem);
    }

    [Theory]
    [InlineData("7.2.22", true, Grade.Must)]
    [InlineData("10.0.2", true, Grade.Good)]
    [InlineData("10.1.0-rc1", true, Grade.Good)]
    [InlineData("10.0.2", false, Grade.Must)]
    [InlineData("nonsense", true, Grade.Must)]
    public void QEMU_is_judged_by_version_and_by_what_it_offers(string version, bool complete, Grade grade)
    {
        string answers = """{"return":["x-ignore-shared","vmgenid","virtio-rng-pci","memory-backend-file"]}""" + (complete ? "\"vhost-user-fs-pci\"" : "");
        Assert.Equal(grade, Suspending.JudgeQemu(version, answers).Grade);
    }

    [Theory]
    [InlineData("virtiofsd 1.13.2", "--migration-mode <MIGRATION_MODE>", Grade.Good)]
    [InlineData("virtiofsd backend 1.10.0", "--migration-mode", Grade.Must)]
    [InlineData("virtiofsd 1.13.2", "--sandbox", Grade.Must)]
    [InlineData("virtiofsd version 7.2.22 (Debian)", "-o cache", Grade.Must)]
    public void Virtiofsd_is_judged_alike(string version, string help, Grade grade) => Assert.Equal(grade, Suspending.JudgeVirtiofsd(version, help).Grade);

    [Fact]
    public void Absent_secret_memory_and_an_unkept_clock_are_named()
    {
        Assert.Equal([Grade.Good, Grade.Should], new[] { SecretMemory.Judge(true).Grade, SecretMemory.Judge(false).Grade });
        Assert.Equal([Grade.Good, Grade.Should], new[] { TimeSynchronisation.Judge(true).Grade, TimeSynchronisation.Judge(false).Grade });
    }
}
