using System.Text.RegularExpressions;
using Safes.Contracts;

namespace Safes.Architecture.Tests;

public partial class Specification
{
    private static string Text => SourceTree.Read("SPECIFICATION.md");

    [Fact]
    public void Every_fault_code_stands_there_with_its_exit_status_in_the_code_s_order()
    {
        var rows = FaultRow().Matches(Text).Select(m => (m.Groups[1].Value, int.Parse(m.Groups[2].Value)));
        Assert.Equal(FaultCodes.All.Select(c => (c.Code, c.Exit)), rows);
    }

    [Fact]
    public void No_two_faults_share_a_code_or_an_exit_status()
    {
        Assert.Equal(FaultCodes.All.Count, FaultCodes.All.Select(c => c.Code).Distinct().Count());
        Assert.Equal(FaultCodes.All.Count, FaultCodes.All.Select(c => c.Exit).Distinct().Count());
        Assert.DoesNotContain(FaultCodes.All, c => c.Exit is 0 or 1 or FaultCodes.Aborted or > 125);
    }

    [Fact]
    public void Every_test_named_there_exists()
    {
        var tests = SourceTree.Files("tests", "*.cs").SelectMany(f => Method().Matches(SourceTree.Read(f)).Select(m => m.Groups[1].Value)).ToHashSet();
        var named = TestName().Matches(Text).Select(m => m.Groups[1].Value).ToArray();
        Assert.NotEmpty(named);
        SourceTree.None(named.Where(n => !tests.Contains(n)).Distinct());
    }

    [Fact]
    public void Every_invariant_and_every_claim_says_what_proves_it_or_that_nothing_does_yet()
    {
        var rows = PromiseRow().Matches(Text).ToArray();
        Assert.Equal(Enumerable.Range(1, 18).Select(i => $"I{i}").Concat(Enumerable.Range(1, 30).Select(i => $"C{i}")), rows.Select(m => m.Groups[1].Value));
        SourceTree.None(rows.Where(m => !TestName().IsMatch(m.Groups[2].Value) && !m.Groups[2].Value.Contains("`./demo", StringComparison.Ordinal) && !m.Groups[2].Value.Contains("not yet", StringComparison.Ordinal)).Select(m => m.Groups[1].Value));
    }

    [Fact]
    public void Links_inside_the_documents_lead_somewhere()
    {
        var broken = Directory.GetFiles(SourceTree.Root, "*.md").Concat(SourceTree.Files("docs", "*.md").Select(f => Path.Combine(SourceTree.Root, f)))
            .SelectMany(f => Link().Matches(Code().Replace(File.ReadAllText(f), "code")).Select(m => (File: f, Target: m.Groups[1].Value)))
            .Where(l => !l.Target.Contains("://", StringComparison.Ordinal))
            .Where(l => !Path.Exists(Path.Combine(Path.GetDirectoryName(l.File)!, l.Target)))
            .Select(l => $"{Path.GetFileName(l.File)}: {l.Target}");
        SourceTree.None(broken);
    }

    // A pattern in code may look like a link.
    [GeneratedRegex("`[^`\n]*`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\| `([a-z-]+)` \| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex FaultRow();

    [GeneratedRegex(@"^\| ([IC]\d+) \|(.*)$", RegexOptions.Multiline)]
    private static partial Regex PromiseRow();

    [GeneratedRegex(@"`(?:[A-Z]\w*\.)?([A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+){2,})`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"public (?:static )?(?:async )?(?:void|Task|ValueTask) (\w+)\(")]
    private static partial Regex Method();

    [GeneratedRegex(@"\]\(([^)#\s]+)(?:#[^)]*)?\)")]
    private static partial Regex Link();
}
