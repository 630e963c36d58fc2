using System.CommandLine;
using Safes.Contracts;

namespace Safes.Hypervisor.Doctor;

/// <summary>`safed doctor`: says what on this server keeps a safe from working, or from being safe. Changes nothing.</summary>
public static class DoctorCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "The same as JSON, for programs." };
        var tools = new Option<string?>("--tools") { Description = "The directory that packaging/tools made.", HelpName = "DIR" };
        var command = new Command(
            "doctor",
            """
            Find out by trying whether a safe works on this server, and is safe there. Nothing is changed.
            Exit status 0 when nothing must change, 99 otherwise.

            Example:
              safed doctor
            """)
        {
            json, tools,
        };
        command.SetAction((parsed, stop) => RunAsync(parsed.GetValue(json), parsed.GetValue(tools), Console.Out, Console.Error, stop));
        return command;
    }

    /// <summary>All findings of this server, as they come.</summary>
    public static async IAsyncEnumerable<Finding> FindAsync(string? toolsDirectory, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        var server = await Server.ExamineThisAsync(toolsDirectory).ConfigureAwait(false);
        foreach (var examination in Examination.All)
        {
            yield return await examination.RunAsync(server, stop).ConfigureAwait(false);
        }
    }

    internal static async Task<int> RunAsync(bool json, string? toolsDirectory, TextWriter output, TextWriter error, CancellationToken stop)
    {
        var findings = new List<Finding>();
        try
        {
            var server = await Server.ExamineThisAsync(toolsDirectory).ConfigureAwait(false);
            foreach (var examination in Examination.All)
            {
                var finding = await SayingWhatTakesLongAsync(examination, server, error, stop).ConfigureAwait(false);
                findings.Add(finding);
                if (!json)
                {
                    await output.WriteLineAsync(Words.Line(finding)).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            return FaultCodes.Aborted;
        }

        await output.WriteLineAsync(json ? DoctorJson.Write(findings) : Words.Sum(findings)).ConfigureAwait(false);
        return findings.Exists(f => f.Grade == Grade.Must) ? FaultCodes.Unsuitable.Exit : 0;
    }

    private static async Task<Finding> SayingWhatTakesLongAsync(Examination examination, Server server, TextWriter error, CancellationToken stop)
    {
        var run = examination.RunAsync(server, stop);
        if (await Task.WhenAny(run, Task.Delay(TimeSpan.FromSeconds(3), stop)).ConfigureAwait(false) != run)
        {
            await error.WriteLineAsync($"  … {examination.Name}: still trying").ConfigureAwait(false);
        }

        return await run.ConfigureAwait(false);
    }
}
