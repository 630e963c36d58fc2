namespace Safes.Architecture.Tests;

/// <summary>The tree these tests were built from: the nearest folder above them that has the solution in it.</summary>
internal static class SourceTree
{
    private static readonly string[] Left = ["bin", "obj", ".git", ".cache", ".dotnet", "TestResults"];

    public static string Root { get; } = FindRoot();

    /// <summary>Files below <paramref name="folder"/> whose names match, as paths relative to the root, nothing built among them.</summary>
    public static IReadOnlyList<string> Files(string folder, string pattern = "*") =>
        Directory.Exists(Path.Combine(Root, folder)) ? [.. Walk(Path.Combine(Root, folder), pattern).Select(f => Path.GetRelativePath(Root, f)).Order(StringComparer.Ordinal)] : [];

    public static string Read(string relative) => File.ReadAllText(Path.Combine(Root, relative));

    public static string[] Lines(string relative) => File.ReadAllLines(Path.Combine(Root, relative));

    /// <summary>Fails with all of <paramref name="wrong"/>, one a line.</summary>
    public static void None(IEnumerable<string?> wrong)
    {
        string all = string.Join('\n', wrong.Distinct());
        Assert.True(all.Length == 0, all);
    }

    private static IEnumerable<string> Walk(string folder, string pattern) =>
        Directory.GetFiles(folder, pattern).Where(f => new FileInfo(f).LinkTarget is null)
            .Concat(Directory.GetDirectories(folder).Where(d => !Left.Contains(Path.GetFileName(d))).SelectMany(d => Walk(d, pattern)));

    private static string FindRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Safes.slnx")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException("no Safes.slnx above " + AppContext.BaseDirectory);
    }
}
