using Safes.Hypervisor.Hosts;

namespace Safes.Hypervisor.Effects;

internal sealed class HostProgress(SafeParts parts) : IProgress<HostStep>
{
    public void Report(HostStep value) => parts.Report(value);
}
