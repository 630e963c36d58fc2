using Safes.Linux;

namespace Safes.Hypervisor.Hosts;

/// <summary>Tells the progress of one host's operation, step by step with times.</summary>
internal sealed class Steps(string host, IProgress<HostStep>? progress)
{
    public IDisposable Begin(string name, string detail = "")
    {
        progress?.Report(new HostStep(host, name, Done: false, detail));
        return new Step(this, name, detail);
    }

    private sealed class Step(Steps of, string name, string detail) : IDisposable
    {
        private readonly TimeSpan begin = BootClock.Now;

        public void Dispose() => of.Report(new HostStep(of.Host, name, Done: true, detail, BootClock.Now - begin));
    }

    private string Host => host;

    private void Report(HostStep step) => progress?.Report(step);
}
