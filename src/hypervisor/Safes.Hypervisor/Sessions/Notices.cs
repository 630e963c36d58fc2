using Safes.Contracts.V1;

namespace Safes.Hypervisor.Sessions;

/// <summary>What everybody with a session should know: a host that failed, a volume that fills up, a session that ends soon.</summary>
public sealed class Notices
{
    public event Action<Notice>? Told;

    public void Tell(string code, string text, params IEnumerable<Host> hosts)
    {
        var notice = new Notice { Code = code, Text = text };
        notice.Hosts.AddRange(hosts);
        Told?.Invoke(notice);
    }
}
