using System.Xml.Linq;

namespace Safes.Architecture.Tests;

public class ProjectReferences
{
    // Who may use whom. Qemu, Network and Volumes never know each other; Lifecycle, Linux and Contracts know nobody.
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Safes.Cli"] = ["Safes.Client"],
        ["Safes.Console"] = ["Safes.Client"],
        ["Safes.Client"] = ["Safes.Contracts", "Safes.Keys", "Safes.Roster", "Safes.Rules", "Safes.Secrets", "Safes.Transfer", "Safes.Linux"],
        ["Safes.Gateway"] = ["Safes.Contracts", "Safes.Linux"],
        ["Safes.Hypervisor"] =
        [
            "Safes.Lifecycle", "Safes.Qemu", "Safes.Network", "Safes.Volumes", "Safes.Keys", "Safes.Roster", "Safes.Rules", "Safes.Secrets", "Safes.Contracts",
            "Safes.Transfer", "Safes.Linux",
        ],
        ["Safes.Qemu"] = ["Safes.Linux", "Safes.Secrets"],
        ["Safes.Network"] = ["Safes.Linux", "Safes.Secrets"],
        ["Safes.Volumes"] = ["Safes.Linux", "Safes.Secrets"],
        ["Safes.Rules"] = ["Safes.Roster", "Safes.Keys", "Safes.Secrets"],
        ["Safes.Roster"] = ["Safes.Keys", "Safes.Secrets"],
        ["Safes.Keys"] = ["Safes.Secrets"],
        ["Safes.Secrets"] = ["Safes.Linux"],
        ["Safes.Transfer"] = ["Safes.Contracts", "Safes.Linux"],
        ["Safes.Lifecycle"] = [],
        ["Safes.Linux"] = [],
        ["Safes.Contracts"] = [],
    };

    [Fact]
    public void A_project_uses_only_those_it_may()
    {
        var wrong = SourceTree.Files("src", "*.csproj").SelectMany(file =>
        {
            string from = Path.GetFileNameWithoutExtension(file);
            return Edges(file).Where(to => !Allowed.GetValueOrDefault(from, []).Contains(to)).Select(to => $"{from} -> {to}");
        });
        SourceTree.None(wrong);
    }

    [Fact]
    public void Every_project_stands_in_the_table_and_in_the_solution()
    {
        string solution = SourceTree.Read("Safes.slnx");
        var projects = SourceTree.Files("src", "*.csproj");
        Assert.NotEmpty(projects);
        SourceTree.None(projects.Select(Path.GetFileNameWithoutExtension).Except(Allowed.Keys));
        SourceTree.None(projects.Concat(SourceTree.Files("tests", "*.csproj")).Where(p => !solution.Contains(p, StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_project_with_code_has_tests()
    {
        // The programs' own composition roots are tested through what they compose.
        var tested = SourceTree.Files("tests", "*.csproj").Select(Path.GetFileNameWithoutExtension);
        SourceTree.None(SourceTree.Files("src", "*.csproj").Select(p => Path.GetFileNameWithoutExtension(p) + ".Tests").Except(tested));
    }

    private static IEnumerable<string> Edges(string file) =>
        XDocument.Load(Path.Combine(SourceTree.Root, file)).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(((string)r.Attribute("Include")!).Replace('\\', '/')));
}
