namespace Safes.Rules.Outside;

/// <summary>
/// A source of packages: the names under which it is asked and those to which it redirects. Reading only. As the sources' own documentation
/// and their answers had them in November 2026; what moves is added here, and holds for standing rules too.
/// </summary>
/// <param name="Ports">Those that are usual for it.</param>
public sealed record Preset(string Name, string Title, IReadOnlyList<string> Names, IReadOnlyList<int> Ports)
{
    /// <summary>What a preset lets through: reading.</summary>
    public static IReadOnlyList<string> Methods { get; } = ["GET", "HEAD"];

    /// <summary>A command that people expect to work with it and that sends more than a question, and the method it sends; empty: none is known.</summary>
    public (string Command, string Method) Beyond { get; private init; }

    private static readonly int[] Tls = [443];

    public static IReadOnlyList<Preset> All { get; } =
    [
        new("debian", "Debian's packages",
            ["deb.debian.org", "security.debian.org", "ftp.debian.org", "snapshot.debian.org", "cdn-fastly.deb.debian.org", "cdn-aws.deb.debian.org"], Destination.UsualPorts),
        new("pypi", "Python's packages (pip)", ["pypi.org", "files.pythonhosted.org"], Tls),
        new("npm", "JavaScript's packages (npm)", ["registry.npmjs.org"], Tls) { Beyond = ("npm audit", "POST") },
        new("nuget", ".NET's packages (NuGet)", ["api.nuget.org", "www.nuget.org", "globalcdn.nuget.org"], Tls),
        new("cran", "R's packages (CRAN)", ["cran.r-project.org", "cloud.r-project.org", "www.r-project.org"], Destination.UsualPorts),
        new("conda", "conda's packages", ["conda.anaconda.org", "repo.anaconda.com", "binstar-cio-packages-prod.s3.amazonaws.com"], Tls),
        new("crates", "Rust's packages (cargo)", ["index.crates.io", "static.crates.io", "crates.io"], Tls),
        new("go", "Go's modules", ["proxy.golang.org", "sum.golang.org"], Tls),
    ];

    /// <summary>By its name, with or without the leading @; null: there is none of that name.</summary>
    public static Preset? Find(string name) => All.FirstOrDefault(p => p.Name == name || (name.StartsWith('@') && name.AsSpan(1).SequenceEqual(p.Name)));
}
