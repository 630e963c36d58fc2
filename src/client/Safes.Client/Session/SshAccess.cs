using System.Threading.Channels;
using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Client.Ssh;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>The session's way into hosts: a key of its own, a certificate that is renewed while it lives, ssh's files.</summary>
internal sealed class SshAccess(SafeProfile profile, Server server, Opened opened, LookReply look)
{
    private volatile Server server = server;

    /// <summary>Certificates are good for five minutes.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(2), Retry = TimeSpan.FromSeconds(10);

    private readonly Lock one = new();
    private readonly MadeFiles made = new();
    private readonly Channel<bool> changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly DeviceNames? names = DeviceNames.Find(profile.Name, $"{profile.Tunnel.Device}");
    private string publicKey = "";

    private SshSnippet Snippet { get; set; } = new(SshNames.Zone(opened.Zone, profile.Name), SshNames.Account(opened.Account), profile.SessionDirectory, []);

    /// <summary>Whether there is a way into hosts, or none that any session would have.</summary>
    internal bool IsReady { get; private set; }

    internal async Task BeginAsync(CancellationToken stop)
    {
        publicKey = await SshKey.MakeAsync(Snippet.Key).ConfigureAwait(false);
        made.Add(Snippet.Key);
        made.Add(Snippet.Key + ".pub");
        made.Write(Snippet.KnownHosts, Snippet.KnownHostsLine(look.SshHostCa));
        Show(look.Hosts);
        await CertifyAsync(stop).ConfigureAwait(false);
        IsReady = true;
    }

    /// <summary>
    /// Renews the certificate for as long as the session lives, and the list of hosts with it and whenever the server told of a change.
    /// Failures are for the lease to judge.
    /// </summary>
    internal async Task KeepAsync(CancellationToken stop)
    {
        var told = changes.Reader.WaitToReadAsync(stop).AsTask();
        TimeSpan due = BootClock.Now + Renewal;
        while (true)
        {
            await Task.WhenAny(told, Task.Delay(BootClock.LeftUntil(due), stop)).ConfigureAwait(false);
            stop.ThrowIfCancellationRequested();
            if (told.IsCompleted)
            {
                changes.Reader.TryRead(out _);
                told = changes.Reader.WaitToReadAsync(stop).AsTask();
            }

            try
            {
                if (BootClock.Now >= due)
                {
                    await CertifyAsync(stop).ConfigureAwait(false);
                    due = BootClock.Now + Renewal;
                }

                await RefreshAsync(stop).ConfigureAwait(false);
            }
            catch (FaultException)
            {
                due = BootClock.Now + Retry;
            }
        }
    }

    /// <summary>The server told of a host, and of no other one: the whole list is asked for.</summary>
    internal void Changed() => changes.Writer.TryWrite(true);

    /// <summary>Goes on with another session of this device: the same key, and at once a certificate of that session.</summary>
    internal Task GoOnAsync(Server with, CancellationToken stop)
    {
        server = with;
        return CertifyAsync(stop);
    }

    /// <summary>Asks for the hosts and rewrites the snippet.</summary>
    internal async Task RefreshAsync(CancellationToken stop)
    {
        var status = await server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, stop).ConfigureAwait(false);
        if (status.State == State.Open)
        {
            Show(status.Hosts);    // one that has just started, or closes, knows of no host
        }
    }

    private void Show(IEnumerable<Host> hosts)
    {
        lock (one)
        {
            Snippet = Snippet with
            {
                Hosts = [.. hosts.Select(h => SshNames.HostOf(h.Name, h.Address, profile.Address.Hosts)).OfType<SshHost>()],
            };
            SshFiles.Write(profile.Places, profile.Name, Snippet, made);
            names?.Write(Snippet.Zone, Snippet.Hosts);
        }
    }

    /// <summary>Takes away what it has written, and nothing that another session has put in its place.</summary>
    internal void End()
    {
        lock (one)
        {
            SshFiles.Remove(profile.Places, profile.Name, made);
            made.RemoveAll();
            names?.Remove();
        }
    }

    private async Task CertifyAsync(CancellationToken stop)
    {
        var request = new SshKeyRequest { PublicKey = publicKey };
        SshKeyReply reply;
        try
        {
            reply = await server.Inside.CallAsync((c, o) => c.SignSshKeyAsync(request, o), Server.CallLimit, stop).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Code == FaultCodes.NoShell)
        {
            made.Remove(Snippet.Certificate);    // the safe is open all the same; who asks for a shell is told why there is none
            return;
        }

        made.Write(Snippet.Certificate, SshNames.Certificate(reply.Certificate) + "\n");
    }
}
