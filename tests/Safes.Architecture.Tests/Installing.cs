using Safes.Linux;

namespace Safes.Architecture.Tests;

/// <summary>What the recipes leave on a system, seen by running them in a copy of the tree with stand-ins for programs, packages and images.</summary>
public sealed class Installing : IDisposable
{
    private readonly string place = Directory.CreateTempSubdirectory("safes-installing").FullName;

    private string Tree => Path.Combine(place, "tree");

    public void Dispose() => Directory.Delete(place, recursive: true);

    [Fact]
    public void Every_recipe_sets_the_mask_of_what_it_makes_before_it_makes_anything()
    {
        string[] recipes = [.. SourceTree.Files("packaging").Concat(SourceTree.Files("images")).Where(f => SourceTree.Lines(f) is ["#!/bin/bash", ..])];
        Assert.True(recipes.Length >= 7, string.Join(' ', recipes));
        SourceTree.None(recipes.Where(f => FirstActs(f) is not ("umask 022", _) and not (_, "umask 022")).Select(f => $"{f} sets no umask 022 at its top"));
        Assert.Contains("umask 022", SourceTree.Lines("packaging/lib.sh").SkipWhile(l => l.StartsWith('#') || l.Length == 0).Take(2));

        static (string, string) FirstActs(string file)
        {
            string[] acts = [.. SourceTree.Lines(file).Where(l => l.Length > 0 && !l.StartsWith('#') && l is not "set -euo pipefail" && !l.StartsWith("ME=", StringComparison.Ordinal)).Take(2)];
            return (acts[0], acts[0].StartsWith(". ", StringComparison.Ordinal) && acts[0].Contains("lib.sh", StringComparison.Ordinal) ? "umask 022" : "");
        }
    }

    [Theory]
    [InlineData("device", "safe")]
    [InlineData("server", "safed")]
    public async Task What_is_installed_under_umask_077_everybody_can_read_and_run(string part, string program)
    {
        await LayOutAsync();
        string prefix = Path.Combine(place, "usr"), cache = Path.Combine(place, "cache");
        string path = $"{Path.Combine(place, "bin")}:{ChildStart.DefaultEnvironment["PATH"]}";
        await Tool.RunAsync("env", [$"PATH={path}", $"SAFES_CACHE={cache}", "bash", "-c", $"umask 077; exec {Tree}/packaging/install {part} --prefix {prefix}"]);
        Assert.Equal("it runs\n", await Tool.RunAsync(Path.Combine(prefix, "bin", program), []));
        Assert.True(File.Exists(Path.Combine(prefix, "share", "doc", "safes", "README.md")));
        Assert.Equal(part == "device", File.Exists(Path.Combine(prefix, "share", "man", "man1", "safe.1")));
        Assert.Equal(part == "server", File.Exists(Path.Combine(cache, "images", "workspace", "manifest.json")));
        string shut = await Tool.RunAsync("find", [prefix, .. Directory.Exists(cache) ? (string[])[cache] : [], "!", "-type", "l", "(", "!", "-perm", "-444", "-o", "-type", "d", "!", "-perm", "-555", ")"]);
        Assert.Equal("", shut);
        string open = await Tool.RunAsync("find", [prefix, "!", "-type", "l", "-perm", "/022"]);
        Assert.Equal("", open);     // nor can anybody else write it
    }

    // The recipes as they are; what they call besides, and what was published, under a mask that shuts everybody out.
    private async Task LayOutAsync()
    {
        Directory.CreateDirectory(Path.Combine(Tree, "images"));
        await Tool.RunAsync("cp", ["-a", Path.Combine(SourceTree.Root, "packaging"), Path.Combine(SourceTree.Root, "proto"), .. ((string[])["README.md", "SECURITY.md", "SPECIFICATION.md", "CHANGELOG.md"]).Select(f => Path.Combine(SourceTree.Root, f)), Tree]);
        await Tool.RunAsync("bash", ["-ec", """
            umask 077
            cd "$1"
            stand_in() { mkdir -p "$(dirname "$1")"; printf '#!/bin/bash\n%s\n' "$2" >"$1"; chmod 700 "$1"; }
            stand_in ../bin/dpkg-query 'echo install ok installed'
            stand_in ../bin/dotnet '[ "$1" != --list-sdks ] || echo "10.0.100 [there]"'
            stand_in ../bin/id 'echo 0'
            mkdir src; touch Directory.Build.props Directory.Packages.props global.json
            . packaging/lib.sh
            umask 077
            for p in safe safed safe-gateway; do
                stand_in ".cache/publish/$p/$p" 'case ${1:-} in manual) echo page >"$2/safe.1" ;; completion) echo words ;; *) echo it runs ;; esac'
                echo data >".cache/publish/$p/lib.so"
                source_hash >".cache/publish/$p.sources"
            done
            for t in tools accelerator; do stand_in packaging/$t "$(sed -n '/^umask/p' packaging/$t); mkdir -p \"\$1\"; echo made >>\"\$1/tools.json\""; done
            for i in gateway workspace; do stand_in images/$i/build "$(sed -n '/^umask/p' "$2/images/$i/build"); mkdir \"\$1\"; echo made >\"\$1/manifest.json\""; done
            """, "lay-out", Tree, SourceTree.Root]);
    }
}
