using System.CommandLine;

namespace Safes.Cli.Commands;

/// <summary>Writes the manual pages; packaging/man calls it.</summary>
internal static class ManualCommand
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIRECTORY") { Description = "Where to" };
        return new Command("manual", "Write the manual pages.") { Hidden = true, Arguments = { directory } }.Writes(async (given, stop) =>
        {
            foreach (var (file, page) in Manual.Pages(Root.Create()))
            {
                await File.WriteAllTextAsync(Path.Combine(given.GetValue(directory)!, file), page, stop).ConfigureAwait(false);
            }
        });
    }
}
