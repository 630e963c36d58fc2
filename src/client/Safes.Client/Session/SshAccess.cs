using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Client.Ssh;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Session;

/// <summary>The session's way into hosts: a key of its own, a certificate that is renewed while it lives, ssh's files.</summary>
internal sealed class SshAccess(SafeProfile profile, Server server, Opened opened)
{
    private volatile Server server = server;

    /// <summary>Certificates are good for five minutes.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(2), Retry = TimeSpan.FromSeconds(10);

    private readonly Lock one = new();
    private readonly DeviceNames? names = DeviceNames.Find(profile.Name, $"{profile.Tunnel.Device}");
    private string publicKey = "";

    private SshSnippet Snippet { get; set; } = new(SshNames.Zone(opened.Zone), SshNames.Account(opened.Account), profile.RuntimeDirectory, []);

    internal async Task BeginAsync(CancellationToken stop)
    {
        publicKey = await SshKey.MakeAsync(Snippet.Key).ConfigureAwait(false);
        PrivateFile.Write(Snippet.KnownHosts, Snippet.KnownHostsLine(opened.SshHostCa));
        Show(opened.Hosts);
        await CertifyAsync(stop).ConfigureAwait(false);
    }

    /// <summary>Renews certificate and host list for as long as the session lives. Failures are for the lease to judge.</summary>
    internal async Task KeepAsync(CancellationToken stop)
    {
        var pause = Renewal;
        while (true)
        {
            await Task.Delay(pause, stop).ConfigureAwait(false);
            try
            {
                await CertifyAsync(stop).ConfigureAwait(false);
                await RefreshAsync(stop).ConfigureAwait(false);
                pause = Renewal;
            }
            catch (FaultException)
            {
                pause = Retry;
            }
        }
    }

    /// <summary>Goes on with another session of this device: the same key, and at once a certificate of that session.</summary>
    internal Task GoOnAsync(Server with, CancellationToken stop)
    {
        server = with;
        return CertifyAsync(stop);
    }

    /// <summary>Asks for the hosts and rewrites the snippet.</summary>
    internal async Task RefreshAsync(CancellationToken stop)
    {
        var status = await server.Calls.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, stop).ConfigureAwait(false);
        Show(status.Hosts);
    }

    internal void Show(IEnumerable<Host> hosts)
    {
        lock (one)
        {
            Snippet = Snippet with
            {
                Hosts = [.. hosts.Where(h => SshNames.IsHost(h.Name) && SshNames.IsAddress(h.Address)).Select(h => new SshHost(h.Name, h.Address))],
            };
            SshFiles.Write(profile.Places, profile.Name, Snippet);
            names?.Write(Snippet.Zone, Snippet.Hosts);
        }
    }

    internal void End()
    {
        SshKey.Remove(Snippet.Key);
        File.Delete(Snippet.KnownHosts);
        SshFiles.Remove(profile.Places, profile.Name);
        names?.Remove();
    }

    private async Task CertifyAsync(CancellationToken stop)
    {
        var request = new SshKeyRequest { PublicKey = publicKey };
        SshKeyReply reply;
        try
        {
            reply = await server.Calls.CallAsync((c, o) => c.SignSshKeyAsync(request, o), Server.CallLimit, stop).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Code == FaultCodes.NoShell)
        {
            File.Delete(Snippet.Certificate);    // the safe is open all the same; who asks for a shell is told why there is none
            return;
        }

        PrivateFile.Write(Snippet.Certificate, SshNames.Certificate(reply.Certificate) + "\n");
    }
}
