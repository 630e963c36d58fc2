using Safes.Client.Reports;
using Safes.Contracts.V1;

namespace Safes.Client.Connection;

/// <summary>A server's progress as reports: its steps are details, its warnings are not.</summary>
public static class ServerSteps
{
    public static void Tell(Steps steps, Step? step, bool minor = true)
    {
        if (step is null)
        {
            return;
        }

        if (step.Fault is { } fault)
        {
            steps.Tell(new Report(ReportKind.Notice, step.Name, step.Detail)
            {
                Code = fault.Code,
                Details = fault.Details.Append(new("from", "server")).GroupBy(d => d.Key).ToDictionary(g => g.Key, g => g.First().Value),
            });
            return;
        }

        steps.Tell(new Report(step.Done ? ReportKind.Done : ReportKind.Began, step.Name, step.Detail)
        {
            WaitsFor = step.WaitsFor,
            Milliseconds = step.Milliseconds,
            Minor = minor,
        });
    }
}
