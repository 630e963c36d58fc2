using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Client.Doctor;
using Safes.Contracts;

namespace Safes.Cli.Commands;

internal static class DoctorCommand
{
    private const int NameWidth = 16;

    public static Command Create() => new Command("doctor", "Find out what on this device keeps a safe from being opened. Nothing is changed.").With("safe doctor").Does(async run =>
    {
        var findings = new List<Finding>();
        await foreach (var finding in DeviceDoctor.FindAsync(run.Profiles, run.Get(Common.Safe), run.Stop).ConfigureAwait(false))
        {
            findings.Add(finding);
            foreach (string line in Lines(finding))
            {
                run.Screen.Say(line);
            }
        }

        int must = findings.Count(f => f.Grade == Grade.Must), should = findings.Count(f => f.Grade == Grade.Should);
        run.Screen.Say($"{(must == 0 ? "Nothing must change" : $"{Things(must)} must change")}{(should == 0 ? "" : $", {Things(should)} should")}. Nothing was changed.");
        run.Screen.Result(new JsonObject
        {
            ["must"] = must,
            ["should"] = should,
            ["findings"] = new JsonArray([.. findings.Select(f => (JsonNode)new JsonObject
            {
                ["name"] = f.Name, ["grade"] = f.Grade.ToString().ToLowerInvariant(), ["what"] = f.What, ["why"] = f.Why, ["do"] = f.Do,
            })]),
        });
        if (must > 0)
        {
            run.Exit = FaultCodes.Unsuitable.Exit;
        }
    });

    /// <summary>What; below it, where something is to be done, why and what to do.</summary>
    internal static IEnumerable<string> Lines(Finding finding)
    {
        string sign = finding.Grade switch { Grade.Good => "✓", Grade.Should => "!", _ => "✗" }, indent = new(' ', NameWidth + 5);
        yield return $"  {sign} {finding.Name.PadRight(NameWidth)} {finding.What}";
        foreach (string below in new[] { finding.Why, finding.Do }.Where(t => t.Length > 0))
        {
            yield return indent + below;
        }
    }

    private static string Things(int n) => n == 1 ? "1 thing" : $"{n} things";
}
