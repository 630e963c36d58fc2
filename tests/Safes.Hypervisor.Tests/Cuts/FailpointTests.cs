using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;
using Safes.Lifecycle;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Cuts;

/// <summary>The steps themselves: none is left out here, none is in a release.</summary>
public sealed partial class FailpointTests
{
    private static string Root { get; } =
        new DirectoryInfo(AppContext.BaseDirectory).Ancestors().First(d => File.Exists(Path.Combine(d.FullName, "Safes.slnx"))).FullName;

    private static IEnumerable<(string File, string Text)> Sources => Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories)
        .Where(f => !f.Contains("/obj/", StringComparison.Ordinal)).Select(f => (Path.GetFileName(f), File.ReadAllText(f)));

    [Fact]
    public void Every_step_that_the_source_names_is_one_that_it_is_killed_at()
    {
        var named = new HashSet<string>();
        var composed = new List<string>();
        foreach (var (file, text) in Sources)
        {
            foreach (Match call in Call().Matches(text))
            {
                (call.Groups[1].Value.Length > 0 ? composed : (ICollection<string>)named).Add(call.Groups[2].Value);
            }

            named.UnionWith(file == "VolumeLocking.cs" ? Locking().Matches(text).Select(m => $"lock: {m.Groups[1].Value}") : []);
        }

        Assert.Equal(["lock: {step}", "{(state is Lifecycle.Opening { For: Claim } ? "], composed.Select(c => c.Split('"')[0]).OrderByDescending(c => c[0] == 'l'));
        Assert.Equal(Steps.All.Where(s => s.Contains(": ", StringComparison.Ordinal)).Order(), named.Order());
        var effects = typeof(Effect).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Effect))).Select(t => t.Name);
        Assert.Empty(effects.Where(e => !Steps.All.Any(s => s.Split(' ')[^1] == e)));
    }

    [Fact]
    public void Only_a_debug_build_has_them()
    {
        var reach = typeof(Failpoint).GetMethod(nameof(Failpoint.Reach))!;
        Assert.Equal(Failpoint.Symbol, Assert.Single(reach.GetCustomAttributes<ConditionalAttribute>()).ConditionString);
        string properties = File.ReadAllText(Path.Combine(Root, "Directory.Build.props"));
        Assert.Equal(
            $"<DefineConstants Condition=\"'$(Configuration)' == '' Or '$(Configuration)' == 'Debug'\">$(DefineConstants);{Failpoint.Symbol}</DefineConstants>",
            Assert.Single(properties.Split('\n'), l => l.Contains(Failpoint.Symbol, StringComparison.Ordinal)).Trim());
        Assert.DoesNotContain(Sources, s => s.Text.Contains($"#define {Failpoint.Symbol}", StringComparison.Ordinal));
        Assert.Contains("-c Release", File.ReadAllText(Path.Combine(Root, "packaging", "lib.sh")), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("takes", "long")]
    public async Task A_release_contains_no_step_s_name()
    {
        string place = Directory.CreateTempSubdirectory("safes-release-").FullName;
        try
        {
            foreach (string configuration in (string[])["Debug", "Release"])
            {
                string to = Path.Combine(place, configuration);
                var built = await Tool.TryAsync(
                    Path.Combine(Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? "/usr/share/dotnet", "dotnet"), ["build", Path.Combine(Root, "src/hypervisor/Safes.Hypervisor"), "-c", configuration, "--artifacts-path", to, "-v", "quiet", "--nologo"],
                    limit: TimeSpan.FromMinutes(10), environment: new Dictionary<string, string>(ChildStart.DefaultEnvironment) { ["HOME"] = "/root" });
                Assert.True(built.Exit == 0, built.Output);
                byte[] program = File.ReadAllBytes(Directory.EnumerateFiles(to, "safed.dll", SearchOption.AllDirectories).First());
                Assert.Equal(configuration == "Debug", program.AsSpan().IndexOf(System.Text.Encoding.Unicode.GetBytes(Steps.Init[0])) >= 0);
            }
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    [GeneratedRegex("""Failpoint\.Reach\((\$?)"([^;]+)"\);""")]
    private static partial Regex Call();

    [GeneratedRegex("""\bAt\("([^"]+)"\);""")]
    private static partial Regex Locking();
}

internal static class Directories
{
    public static IEnumerable<DirectoryInfo> Ancestors(this DirectoryInfo directory)
    {
        for (var at = directory; at is not null; at = at.Parent)
        {
            yield return at;
        }
    }
}
