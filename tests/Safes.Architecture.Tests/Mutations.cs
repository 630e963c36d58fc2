using System.Text.RegularExpressions;

namespace Safes.Architecture.Tests;

/// <summary>tests/mutations breaks the code on purpose; here it is only seen that it still could.</summary>
public partial class Mutations
{
    private const string List = "tests/mutations/mutations.txt";

    [Fact]
    public void What_a_mutation_replaces_stands_in_its_file_once_and_the_tests_that_see_it_exist()
    {
        var all = Entry().Matches(SourceTree.Read(List)).ToArray();
        Assert.Equal(Title().Count(SourceTree.Read(List)), all.Length);
        var tests = SourceTree.Files("tests", "*.cs").SelectMany(f => Method().Matches(SourceTree.Read(f)).Select(m => m.Groups[1].Value)).ToHashSet();
        SourceTree.None(all.Where(m => Count(SourceTree.Read(m.Groups["file"].Value), m.Groups["old"].Value) != 1).Select(m => $"not once: {m.Groups["title"].Value}"));
        SourceTree.None(all.SelectMany(m => m.Groups["red"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(t => !tests.Contains(t)));
    }

    private static int Count(string text, string part) => (text.Length - text.Replace(part, "", StringComparison.Ordinal).Length) / part.Length;

    [GeneratedRegex(@"^== ", RegexOptions.Multiline)]
    private static partial Regex Title();

    [GeneratedRegex(@"^== (?<title>.*)\nin +(?<file>\S+)\n- +(?<old>[^\0]*?)\n\+ +[^\0]*?\nred +(?<red>.*)$", RegexOptions.Multiline)]
    private static partial Regex Entry();

    [GeneratedRegex(@"public (?:static )?(?:async )?(?:void|Task|ValueTask) (\w+)\(")]
    private static partial Regex Method();
}
