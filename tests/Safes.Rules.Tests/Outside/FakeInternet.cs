using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Safes.Linux;

namespace Safes.Rules.Tests.Outside;

/// <summary>
/// An internet of a few names in a network namespace of its own, with a resolver and servers of HTTP and TLS; hosts and proxy are addresses in it.
/// </summary>
internal sealed class FakeInternet : IAsyncDisposable
{
    /// <summary>Every name, and where it leads.</summary>
    public static readonly IReadOnlyDictionary<string, string> Names = new Dictionary<string, string>
    {
        ["git.example.org"] = Server,
        ["www.example.org"] = Server,
        ["a.b.example.org"] = Server,
        ["example.org"] = Server,
        ["other.example.net"] = Other,
        ["inner.example.org"] = "10.83.18.1",
        ["loop.example.org"] = "127.0.0.1",
        ["metadata.example.org"] = "169.254.169.254",
        ["six.example.org"] = "fd00:ec2::254",
    };

    public const string Server = "151.101.2.1", Other = "151.101.2.2", Resolver = "9.9.9.9", ProxyAddress = "10.83.17.2";

    private readonly List<Child> children = [];

    public string Folder { get; } = $"/run/safes-test-{Guid.NewGuid():n}"[..24];

    public string Pin => Path.Combine(Folder, "net");

    public string At(string file) => Path.Combine(Folder, file);

    /// <summary>Names that the resolver was asked for.</summary>
    public string Asked => File.Exists(At("dns.log")) ? File.ReadAllText(At("dns.log")) : "";

    /// <summary>Connections that its servers took, a line each.</summary>
    public string Taken => File.ReadAllText(At("python3.out"));

    /// <summary>The authorities' certificates that clients there trust: the internet's own and the proxy's.</summary>
    public string Trusted => At("trusted.pem");

    public static bool Possible => Unistd.EffectiveUser == 0 && File.Exists("/usr/sbin/squid") && File.Exists("/usr/sbin/dnsmasq");

    public static async Task<FakeInternet> StartAsync(params IEnumerable<IPAddress> hosts)
    {
        Assert.SkipUnless(Possible || Environment.GetEnvironmentVariable("CI") == "true", "needs root, squid-openssl and dnsmasq-base");
        var net = new FakeInternet();
        Directory.CreateDirectory(net.Folder);
        await Tool.RunAsync("mount", ["--bind", net.Folder, net.Folder]);
        await Tool.RunAsync("mount", ["--make-private", net.Folder]);
        await File.WriteAllBytesAsync(net.Pin, []);
        await Tool.RunAsync("unshare", [$"--net={net.Pin}", "true"]);
        string[] addresses = [Server, Other, Resolver, ProxyAddress, "10.83.18.1", "169.254.169.254", .. hosts.Select(h => $"{h}")];
        await Tool.RunAsync("ip", ["-batch", "-"], string.Join('\n', addresses.Select(a => $"addr add {a}/32 dev lo").Append("link set lo up")) + "\n", net.Pin);
        net.MakeAuthorities();
        net.Run("dnsmasq", [
            "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", $"--listen-address={Resolver}", "--bind-interfaces", "--user=root", "--pid-file=",
            "--log-queries", $"--log-facility={net.At("dns.log")}", .. Names.Select(n => $"--host-record={n.Key},{n.Value}"),
        ]);
        net.Run("python3", [Path.Combine(AppContext.BaseDirectory, "Outside/internet.py"), net.At("server.pem"), Server, Other, "10.83.18.1", "169.254.169.254", "127.0.0.1"]);
        await net.WaitForAsync(async () => (await Tool.TryAsync("curl", ["-s", "-o", "/dev/null", "--connect-to", $"::{Other}:8443", "-k", "https://x/"], network: net.Pin)).Exit == 0);
        return net;
    }

    /// <summary>Runs something until the test ends.</summary>
    public Child Run(string program, IReadOnlyList<string> arguments)
    {
        var child = Child.Start(new ChildStart(program, arguments) { NetworkNamespace = Pin, LogFile = At($"{program}.out") });
        children.Add(child);
        return child;
    }

    /// <summary>curl from an address; what it got and its words, with the status of HTTP after them in a line of its own.</summary>
    public async Task<(int Status, string Text)> CurlAsync(IPAddress from, string url, params IEnumerable<string> more)
    {
        var said = await Tool.TryAsync(
            "curl", ["-sS", "--interface", $"{from}", "--proxy", $"http://{ProxyAddress}:3128", "--cacert", Trusted, "--max-time", "20", "-w", "\n%{http_code}", .. more, url], network: Pin);
        string[] lines = said.Output.Split('\n');
        return (int.Parse(lines[^1], System.Globalization.CultureInfo.InvariantCulture), string.Join('\n', lines[..^1]) + said.Error);
    }

    /// <summary>Asks again until it is so; fails after half a minute.</summary>
    public async Task WaitForAsync(Func<Task<bool>> so)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await so())
        {
            if (limit.IsCancellationRequested)
            {
                Assert.Fail(string.Join('\n', Directory.EnumerateFiles(Folder, "*.out").Concat(Directory.EnumerateFiles(Folder, "squid.log", SearchOption.AllDirectories)).Select(File.ReadAllText)));
            }

            await Task.Delay(100);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var child in children)
        {
            child.Kill();
            await child.Exited;
            child.Dispose();
        }

        await Tool.RunAsync("umount", ["-l", Pin]);
        await Tool.RunAsync("umount", ["-l", Folder]);
        Directory.Delete(Folder, recursive: true);
    }

    private void MakeAuthorities()
    {
        string mine = Authority("the internet", At("internet.pem"));
        string proxys = Authority("a safe's proxy", At("proxy.pem"));
        File.WriteAllText(At("internet.crt"), mine);
        File.WriteAllText(Trusted, mine + "\n" + proxys);
        using var authority = X509Certificate2.CreateFromPemFile(At("internet.pem"));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=server", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (string name in Names.Keys)
        {
            names.AddDnsName(name);
        }

        request.CertificateExtensions.Add(names.Build());
        using var made = request.Create(authority, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30), [1, 2, 3, 4]);
        File.WriteAllText(At("server.pem"), made.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
    }

    // Certificate and key in one file; gives the certificate.
    private static string Authority(string name, string file)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(60));
        File.WriteAllText(file, made.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        return made.ExportCertificatePem();
    }
}
