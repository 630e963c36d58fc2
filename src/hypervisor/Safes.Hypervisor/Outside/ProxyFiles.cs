using System.Net;
using System.Text;
using Safes.Hypervisor.Hosts;
using Safes.Rules.Outside;
using Safes.Volumes;

namespace Safes.Hypervisor.Outside;

/// <summary>The proxy's directory on the volume: its configuration, which safed writes, its authority, and its logs, which Squid writes.</summary>
internal sealed class ProxyFiles(VolumeDirectory root, string safe, IWorld world)
{
    /// <summary>Of the log of requests, before it is put aside; as much is kept of the one before.</summary>
    public const long MostLog = 8 << 20;

    private const string Files = "files", Logs = "log", Requests = $"{Logs}/requests", Earlier = $"{Logs}/requests.1", Own = $"{Logs}/squid.log";

    private const uint ProxyUser = 13;     // Debian's, fixed by base-passwd

    private readonly VolumeDirectory directory = root.Below(HostFleet.ProxyDirectory);

    /// <summary>Makes what is missing of it.</summary>
    /// <returns>The authority's certificate, PEM.</returns>
    public string Prepare()
    {
        root.MakeDirectory("rules");
        root.MakeDirectory(HostFleet.ProxyDirectory, 0x1c9);    // 0711
        directory.MakeDirectory(Files, 0x1ed);                  // 0755
        directory.MakeDirectory(Logs);
        directory.SetOwner(Logs, ProxyUser, ProxyUser);
        Reserve();
        return ProxyAuthority.Open(directory, safe);
    }

    /// <summary>Writes the configuration that the rules become; true: it is another than there was.</summary>
    public bool Write(OutsideRules rules, IReadOnlyList<IPAddress> resolvers, IReadOnlyList<IPAddress> own)
    {
        var places = new SquidPlaces(world.Proxy, ProxyScripts.Files, ProxyScripts.Logs, ProxyScripts.Certificates, ProxyScripts.Authority, resolvers) { VisibleName = $"proxy.{safe}", Own = own, Process = ProxyScripts.Process, Reasons = ProxyScripts.Reasons };
        var wanted = SquidConfiguration.Files(rules, places);
        bool changed = false;
        foreach (var (name, text) in wanted.OrderBy(f => f.Key == SquidConfiguration.FileName))
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            if (!bytes.AsSpan().SequenceEqual(directory.ReadFile($"{Files}/{name}", 16 << 20)))
            {
                directory.WriteFile($"{Files}/{name}", bytes, 0x1a4);    // 0644
                changed = true;
            }
        }

        foreach (var left in directory.List(Files).Where(e => !wanted.ContainsKey(e.Name)))
        {
            directory.RemoveFile($"{Files}/{left.Name}");
        }

        return changed;
    }

    /// <summary>Puts the log aside when it is long; true: Squid is to open a new one.</summary>
    public bool Rotate()
    {
        bool longer = directory.Stat(Requests)?.Length > MostLog || directory.Stat(Own)?.Length > MostLog;
        if (longer)
        {
            directory.Rename(Requests, Earlier);
            directory.RemoveFile(Own);
            Reserve();
        }

        return longer;
    }

    /// <summary>The end of the log of requests. Squid wrote it, of what hosts asked: untrusted bytes.</summary>
    public byte[] ReadLog(int most)
    {
        var read = new List<byte[]>();
        foreach (string file in (string[])[Earlier, Requests])
        {
            if (directory.Stat(file) is { IsRegular: true } status)
            {
                using var open = directory.OpenFile(file);
                byte[] end = new byte[Math.Min(most, status.Length)];
                int n = RandomAccess.Read(open, end, status.Length - end.Length);
                read.Add(end[..n]);
            }
        }

        byte[] all = [.. read.SelectMany(r => r)];
        return all[^Math.Min(most, all.Length)..];
    }

    // Room for the whole of it, so that a full volume does not keep the proxy from saying what it did.
    private void Reserve()
    {
        if (!directory.Exists(Requests))
        {
            using var made = directory.OpenFile(Requests, write: true, create: true);
            Safes.Linux.Fcntl.Reserve(made, MostLog, Requests);
        }

        directory.SetOwner(Requests, ProxyUser, ProxyUser);
    }
}
