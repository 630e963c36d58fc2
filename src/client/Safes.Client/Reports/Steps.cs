using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Reports;

/// <summary>Takes one step after the other, each with a deadline of its own, and reports when it begins and ends.</summary>
public sealed class Steps(Action<Report> report)
{
    public void Tell(Report what) => report(what);

    /// <summary>
    /// Runs <paramref name="work"/>; it returns the step's result and the words to show. When <paramref name="limit"/> passes
    /// it is cancelled and <paramref name="late"/> is thrown.
    /// </summary>
    public async Task<T> RunAsync<T>(
        string name, string waitsFor, TimeSpan limit, Func<FaultException> late, Func<CancellationToken, Task<(T Result, string Detail)>> work,
        CancellationToken stop)
    {
        var begun = BootClock.Now;
        report(new Report(ReportKind.Began, name) { WaitsFor = waitsFor });
        using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
        time.CancelAfter(limit);
        try
        {
            // Not every call heeds its token at once (a name lookup does not): the step's deadline does not depend on it.
            var (result, detail) = await work(time.Token).WaitAsync(time.Token).ConfigureAwait(false);
            report(new Report(ReportKind.Done, name, detail) { Milliseconds = (long)(BootClock.Now - begun).TotalMilliseconds });
            return result;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw late();
        }
    }
}
