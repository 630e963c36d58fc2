using System.CommandLine.Completions;
using Safes.Client.Profile;
using Safes.Client.Ssh;

namespace Safes.Cli;

/// <summary>Names that a shell can complete without asking anybody: they lie on this device.</summary>
internal static class Known
{
    public static IEnumerable<CompletionItem> Safes(CompletionContext context) => Elsewhere.IsHere ? Plain(new Profiles(Places.FromEnvironment()).Names) : [];

    /// <summary>Hosts of the safes held open, as ssh's snippets name them.</summary>
    public static IEnumerable<CompletionItem> Hosts(CompletionContext context)
    {
        if (!Elsewhere.IsHere)
        {
            return [];
        }

        var places = Places.FromEnvironment();
        return Plain(new Profiles(places).Names.Select(n => Path.Combine(places.Config, n, "ssh_config")).Where(File.Exists)
            .SelectMany(File.ReadLines).Where(l => l.StartsWith("Host ", StringComparison.Ordinal)).Select(l => l["Host ".Length..].Split('.')[0]).Where(SshNames.IsHost).Distinct());
    }

    private static IEnumerable<CompletionItem> Plain(IEnumerable<string> names) => names.Select(n => new CompletionItem(n));
}
