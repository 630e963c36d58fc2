using System.Text.RegularExpressions;

namespace Safes.Vm.Tests.Server;

/// <summary>Tests that want more of the kernel than this machine's may have, or want the one that servers have: run there.</summary>
[Trait("needs", "guest")]
public sealed partial class ServersKernelTests
{
    private const string NoWrites = "A_file_system_that_takes_no_writes_any_more_locks_and_it_is_said_and_what_was_synced_is_there";

    [Fact]
    public Task A_volume_whose_disk_fails_or_is_away_or_whose_file_system_is_shut_locks_there() =>
        PassesAsync("Volumes", "-method", "*.FlakyDiskTests.*", "-method", $"*.{NoWrites}");

    [Fact]
    public async Task A_guardian_whose_storage_stays_away_reboots_that_server()
    {
        string program = $"{Program("Hypervisor")} -noColor -method";
        string said = await ServerMachine.RebootsAsync($"{program} '*.A_guardian_that_closes_in_time_reboots_nothing'\n{program} '*.A_guardian_whose_storage_stays_away_reboots_the_server_at_its_deadline'", TimeSpan.FromMinutes(10));
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0,", said, StringComparison.Ordinal);
        Assert.EndsWith("a second before", said.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Closed_the_whole_memory_holds_no_key_no_content_and_no_name()
    {
        string script = $$"""
            {{Program("Volumes")}} -noColor -method '*.It_opens_and_closes_while_somebody_looks_from_outside'
            echo; echo ended; read -r </dev/ttyS1

            """;
        await ServerMachine.RunAsync(script, TimeSpan.FromMinutes(10), async machine =>
        {
            var sought = new Dictionary<string, byte[]>();
            foreach (string what in (string[])["key", "content", "name"])
            {
                sought[what] = Masked.Unmask(await machine.SaysAsync($"{what}: "));
            }

            string[] before = [];    // the program's own, for random numbers
            await LookAsync("not yet open", (_, keys) => before = keys);
            await LookAsync("open", (found, keys) =>    // the control
            {
                Assert.Equal(sought.Keys.Order(), found.Order());
                Assert.NotEmpty(keys.Except(before));
            });
            await LookAsync("closed", (found, keys) =>    // content and name are known to the program still
            {
                Assert.DoesNotContain("key", found);
                Assert.Empty(keys.Except(before));
            });
            await LookAsync("ended", (found, keys) =>
            {
                Assert.Empty(found);
                Assert.Empty(keys);
            });

            async Task LookAsync(string when, Action<IReadOnlyList<string>, string[]> look)
            {
                await machine.SaysAsync(when);
                await machine.LookAsync(async memory => look(WholeMemory.Find(memory, sought), await WholeMemory.AesKeysAsync(memory)));
                await machine.GoOnAsync();
            }
        }, "init_on_free=1");
    }

    [Fact]
    [Trait("takes", "long")]
    public Task The_gateways_rules_hold_there_with_flow_tables() => PassesAsync("Gateway", "-class", "*.RulesWithFlowTablesTests");

    [Theory]
    [Trait("takes", "long")]
    [InlineData("Linux")]
    [InlineData("Volumes")]
    [InlineData("Network")]
    [InlineData("Gateway")]
    public Task Everything_passes_there(string project) => PassesAsync(project, "-trait-", "needs=own-kernel");

    private static string Program(string project) => $"tests/Safes.{project}.Tests/bin/Debug/net10.0/Safes.{project}.Tests";

    /// <summary>A machine for each: what a test leaves behind is nobody else's trouble.</summary>
    private static async Task PassesAsync(string project, params string[] only)
    {
        string said = await ServerMachine.RunAsync(
            $"{Program(project)} -noColor {string.Join(' ', only.Select(o => $"'{o}'"))}", TimeSpan.FromMinutes(20));
        var count = Count().Match(said);
        Assert.True(count.Success && int.Parse(count.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) > 0, said);
    }

    [GeneratedRegex(@"Total: (\d+), Errors: 0, Failed: 0, Skipped: 0,")]
    private static partial Regex Count();
}
