using Safes.Cli.Commands;
using Safes.Linux;

namespace Safes.Cli.Tests;

/// <summary>What shells complete and manual pages say comes from the commands themselves.</summary>
public sealed class Completing : IDisposable
{
    private readonly SafeProgram safe = new();

    [Theory]
    [InlineData("safe ho", "host")]
    [InlineData("safe host re", "restart")]
    [InlineData("safe open --re", "--renew")]
    [InlineData("safe open ", "ledger")]
    [InlineData("safe ssh ", "build")]
    [InlineData("safe host stop ", "build")]
    public async Task Commands_options_safes_and_hosts_are_suggested(string typed, string suggested)
    {
        string profile = Directory.CreateDirectory(safe.At(".config/safes/ledger")).FullName;
        await File.WriteAllTextAsync(Path.Combine(profile, "ssh_config"), "Host build.ledger\n    HostName 10.77.17.10\n", TestContext.Current.CancellationToken);
        var said = await safe.RunAsync([$"[suggest:{typed.Length}]", typed]);
        Assert.Contains(suggested, said.Output.Split('\n'));
        Assert.DoesNotContain("selftest", said.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bash_takes_its_script_and_completes_with_it()
    {
        string script = safe.At("completion");
        await File.WriteAllTextAsync(script, (await safe.RunAsync(["completion", "bash"])).Output, TestContext.Current.CancellationToken);
        string bash = $"PATH={Path.GetDirectoryName(SafeProgram.Program)}:$PATH; . {script}; COMP_LINE='safe host rem' COMP_POINT=13 COMP_CWORD=2; COMP_WORDS=(safe host rem); _safe; echo ${{COMPREPLY[@]}}";
        Assert.Equal("remove", (await Tool.TryAsync("bash", ["-c", bash], environment: safe.Environment)).Output.Trim());
    }

    [Theory]
    [InlineData("zsh", "#compdef safe")]
    [InlineData("fish", "complete -c safe")]
    public async Task Other_shells_have_theirs(string shell, string begin) =>
        Assert.StartsWith(begin, (await safe.RunAsync(["completion", shell])).Output, StringComparison.Ordinal);

    [Fact]
    public async Task A_shell_that_nobody_knows_is_refused() => Assert.NotEqual(0, (await safe.RunAsync(["completion", "tcsh"])).Exit);

    [Fact]
    public async Task Every_command_that_people_type_has_a_manual_page_with_its_options_and_examples()
    {
        string folder = Directory.CreateDirectory(safe.At("man")).FullName;
        Assert.Equal(0, (await safe.RunAsync(["manual", folder])).Exit);
        string[] files = [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        Assert.Equal(Manual.Pages(Root.Create()).Select(p => p.File).Order(StringComparer.Ordinal), files);
        Assert.Contains("safe-host-add.1", files);
        Assert.Contains("safe-ssh-config.1", files);
        Assert.DoesNotContain("safe-selftest.1", files);
        string page = await File.ReadAllTextAsync(Path.Combine(folder, "safe-host-add.1"), TestContext.Current.CancellationToken);
        Assert.Contains("\\-\\-memory SIZE", page, StringComparison.Ordinal);
        Assert.Contains("\\-\\-json", page, StringComparison.Ordinal);
        Assert.Contains(".SH EXAMPLES\n.nf\nsafe host add build\n", page, StringComparison.Ordinal);
        Assert.All(files, f => Assert.StartsWith(".TH ", File.ReadAllText(Path.Combine(folder, f)), StringComparison.Ordinal));
    }

    public void Dispose() => safe.Dispose();
}
