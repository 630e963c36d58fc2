using System.Net;
using Safes.Contracts;
using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// The proxy host: the one that no member made. It is resumed and suspended with the others, and shown apart from them.
public sealed partial class HostFleet
{
    /// <summary>What the proxy host has for a share, below the volume's root.</summary>
    public const string ProxyDirectory = "rules/proxy";

    private volatile WayOutside? outside;

    private VirtualHost? ProxyHost => hosts.GetValueOrDefault(HostDefinition.ProxyName);

    /// <summary>What has become of the proxy host; null: there is none.</summary>
    public HostStatus? Proxy => ProxyHost?.Status();

    public IReadOnlyDictionary<string, IPAddress> Addresses =>
        hosts.Values.Where(h => !h.Definition.IsProxy).ToDictionary(h => h.Definition.Name, h => Options.Ports.Address(h.Definition.Number), StringComparer.Ordinal);

    /// <inheritdoc />
    /// <exception cref="FaultException">As of <see cref="AddAsync"/>; it is tried again whenever this is called.</exception>
    public async Task KeepProxyAsync(ulong generation, bool changed, bool cut, IProgress<HostStep>? progress = null)
    {
        var steps = new Steps(HostDefinition.ProxyName, progress);
        var proxy = ProxyHost;
        try
        {
            if (proxy is null)
            {
                await MakeProxyAsync(steps).ConfigureAwait(false);
            }
            else if (proxy.Machine is null)
            {
                await (HasState(proxy, generation) ? proxy.ResumeAsync([], steps, closing.Token) : proxy.BootAsync([], steps, closing.Token)).ConfigureAwait(false);
            }
            else if (changed || cut)
            {
                await proxy.ServeAsync(cut).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
            throw Closing();
        }
        catch (Exception e) when (e is not FaultException)
        {
            throw HostFaults.From(e, HostDefinition.ProxyName);
        }
    }

    public Task CutProxyAsync() => ProxyHost is null ? Task.CompletedTask : Options.Ports.CutAsync(HostDefinition.ProxyNumber);

    public Task EndProxyAsync() => ProxyHost?.KillAsync() ?? Task.CompletedTask;

    public Task RemoveProxyAsync() => ProxyHost is { } proxy ? ForgetAsync(proxy) : Task.CompletedTask;

    public Task ReopenProxyLogsAsync() => ProxyHost?.ReopenLogsAsync() ?? Task.CompletedTask;

    public void ExpectOutside(WayOutside? way)
    {
        outside = way;
        foreach (var host in hosts.Values)
        {
            host.Expect(way);
        }
    }

    public Task TellOutsideAsync(WayOutside? way)
    {
        ExpectOutside(way);
        return AllAsync(hosts.Values.Where(h => !h.Definition.IsProxy), h => h.TellOutsideAsync());
    }

    private VirtualHost Make(HostDefinition definition)
    {
        var host = new VirtualHost(Options, definition, Names, h => Changed?.Invoke(h.Status()), closing.Token);
        host.Expect(outside);
        return host;
    }

    private async Task MakeProxyAsync(Steps steps)
    {
        VirtualHost host;
        Bundle prepared;
        await RemoveSpoiltAsync(HostDefinition.ProxyName).ConfigureAwait(false);
        using (await OneAtATimeAsync().ConfigureAwait(false))
        {
            var (image, bundle) = images.Find(Options.Bundles.Count == 1 ? "" : Options.Bundles.Keys.Order(StringComparer.Ordinal).FirstOrDefault("")!);
            var sizes = new HostSizes(bundle.Manifest.Cpus, bundle.Manifest.MemoryBytes, bundle.Manifest.DiskBytes);
            bool copied = Options.Volume.Exists($"images/{image}-{bundle.Digest[..12]}/{Bundle.ManifestFile}");
            await room.CheckAsync(HostDefinition.ProxyName, sizes.Cpus, sizes.MemoryBytes, sizes.DiskBytes, bundle, copied, MemoryOfAllBut(null)).ConfigureAwait(false);
            prepared = await images.PrepareAsync(image, bundle, sizes.Cpus, sizes.MemoryBytes, steps).ConfigureAwait(false);
            host = Make(new HostDefinition
            {
                Name = HostDefinition.ProxyName,
                Number = HostDefinition.ProxyNumber,
                Image = Path.GetFileName(prepared.Directory),
                Cpus = sizes.Cpus,
                MemoryBytes = sizes.MemoryBytes,
                DiskBytes = sizes.DiskBytes,
                Uuid = Guid.NewGuid(),
                MachineId = Guid.NewGuid(),
                Running = true,
                BootedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            });
            closing.Token.ThrowIfCancellationRequested();
            hosts[HostDefinition.ProxyName] = host;
        }

        try
        {
            await host.CreateAsync(prepared, [], steps, closing.Token).ConfigureAwait(false);
        }
        catch
        {
            await ForgetAsync(host).ConfigureAwait(false);
            throw;
        }
    }
}
