using System.Text.RegularExpressions;

namespace Safes.Architecture.Tests;

public partial class Sources
{
    private static IEnumerable<string> Code => SourceTree.Files("src", "*.cs");

    private static IEnumerable<string> OtherTests => SourceTree.Files("tests", "*.cs").Where(f => !f.Contains("Safes.Architecture.Tests", StringComparison.Ordinal));

    [Fact]
    public void Native_calls_are_LibraryImport_in_the_one_project_for_them()
    {
        SourceTree.None(Code.Concat(OtherTests).Where(f => OldImport().IsMatch(SourceTree.Read(f))));
        // Keys calls the HKDF of the libsodium that its cryptography package brings: the only native library besides libc.
        SourceTree.None(Code.Where(f => !f.Contains("/Safes.Linux/", StringComparison.Ordinal))
            .Where(f => Import().Matches(SourceTree.Read(f)).Any(m => !(f.Contains("/Safes.Keys/", StringComparison.Ordinal) && m.Groups[1].Value == "libsodium"))));
    }

    [Fact]
    public void A_native_import_is_private_behind_a_typed_method() =>
        SourceTree.None(Code.Where(f => PublicImport().IsMatch(SourceTree.Read(f))));

    [Fact]
    public void Children_are_started_in_their_one_home_only() =>
        SourceTree.None(Code.Concat(OtherTests).Where(f => ProcessStart().IsMatch(SourceTree.Read(f))));

    [Fact]
    public void Every_unsafe_use_of_a_pointer_says_why_it_is_safe() =>
        SourceTree.None(Code.Where(f => PointerUse().IsMatch(SourceTree.Read(f)) && !SourceTree.Read(f).Contains("// SAFETY:", StringComparison.Ordinal)));

    [Fact]
    public void The_median_file_is_short_and_a_long_one_says_why()
    {
        int[] lengths = [.. Code.Select(f => SourceTree.Lines(f).Length).Order()];
        Assert.InRange(lengths[lengths.Length / 2], 1, 99);
        // "// Long: .." within the first ten lines.
        SourceTree.None(Code.Concat(SourceTree.Files("tests", "*.cs")).Where(f => SourceTree.Lines(f) is { Length: > 400 } l && !l.Take(10).Any(line => line.StartsWith("// Long: ", StringComparison.Ordinal))));
    }

    [Fact]
    public void Nothing_is_left_to_be_done_and_no_machine_is_named()
    {
        var files = SourceTree.Files("src").Concat(OtherTests).Concat(SourceTree.Files("images")).Concat(SourceTree.Files("packaging"))
            .Concat(SourceTree.Files("docs")).Concat(SourceTree.Files("proto")).Concat(SourceTree.Files(".ci"))
            .Concat(Directory.GetFiles(SourceTree.Root).Select(f => Path.GetRelativePath(SourceTree.Root, f)).Where(f => f != ".git" && !f.EndsWith(".user", StringComparison.Ordinal)));
        var wrong = files.SelectMany(f => SourceTree.Lines(f).Select((line, i) => (Where: $"{f}:{i + 1}", line)))
            .Where(l => Unfinished().IsMatch(l.line)).Select(l => $"{l.Where}: {l.line.Trim()}");
        SourceTree.None(wrong);
    }

    [Fact]
    public void Every_command_shows_an_example_in_its_help()
    {
        // `new Command(..)..With("safe ..")` in safe, "Example:" in the description in safed; a hidden command nobody types.
        var wrong = Code.SelectMany(f => SourceTree.Read(f) is var text ? Command().Matches(text).Select((m, i) => (f, Text: text[m.Index..Next(text, m)])) : [])
            .Where(c => !c.Text.Contains("Hidden = true", StringComparison.Ordinal)
                && !c.Text.Contains(".With(", StringComparison.Ordinal) && !c.Text.Contains("Example:", StringComparison.Ordinal));
        SourceTree.None(wrong.Select(c => $"{c.f}: {c.Text[..Math.Min(c.Text.Length, 60)].ReplaceLineEndings(" ")}"));

        static int Next(string text, Match command) => command.NextMatch() is { Success: true } next ? next.Index : text.Length;
    }

    [Fact]
    public void No_type_is_named_for_want_of_a_noun() =>
        SourceTree.None(Code.SelectMany(f => WeakName().Matches(SourceTree.Read(f)).Select(m => $"{f}: {m.Value}")));

    [GeneratedRegex(@"new (Root)?Command\(")]
    private static partial Regex Command();

    [GeneratedRegex(@"\bDllImport\b")]
    private static partial Regex OldImport();

    [GeneratedRegex(@"\[LibraryImport\(""?(\w+)""?")]
    private static partial Regex Import();

    [GeneratedRegex(@"\[LibraryImport\([^\]]*\)\]\s*(public|internal|protected)")]
    private static partial Regex PublicImport();

    [GeneratedRegex(@"\bProcess\.Start\(|\bnew Process\b|\bnew ProcessStartInfo\b")]
    private static partial Regex ProcessStart();

    [GeneratedRegex(@"\bfixed \(|\(void\*\)|\bstackalloc byte\*")]
    private static partial Regex PointerUse();

    [GeneratedRegex(@"\bTODO\b|\bFIXME\b|NotImplementedException|/work/")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\b(class|record|struct|interface) \w+(Manager|Helper|Helpers|Utils|Utilities|Service)\b")]
    private static partial Regex WeakName();
}
