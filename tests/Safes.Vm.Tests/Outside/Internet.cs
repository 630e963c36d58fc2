using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Safes.Linux;
using Safes.Network.Tests;

namespace Safes.Vm.Tests.Outside;

/// <summary>The internet behind a test's server: public addresses, names, servers of HTTP and TLS, and a source of one package.</summary>
internal sealed class Internet : IAsyncDisposable
{
    public const string Server = "151.101.2.1", Other = "151.101.2.2", Resolver = "9.9.9.9", Package = "safes-hello";

    private readonly List<Child> children = [];

    private Internet(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>The authority of its servers' certificates, PEM.</summary>
    public string Authority { get; private set; } = "";

    public static async Task<Internet> StartAsync(TestServer server, string folder, IReadOnlyDictionary<string, string> names)
    {
        var net = new Internet(folder);
        Directory.CreateDirectory(folder);
        net.MakeCertificate(names.Keys);
        await net.MakePackageAsync();
        string[] addresses = [Server, Other, Resolver];
        await TestServer.IpAsync(server.Device, string.Join('\n', addresses.Select(a => $"addr add {a}/32 dev lo")));
        await TestServer.IpAsync(server.Server, string.Join('\n', addresses.Select(a => $"route add {a}/32 via {TestServer.DeviceAddress}")));
        net.Run(server.Device, "dnsmasq", [
            "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", $"--listen-address={Resolver}", "--bind-interfaces", "--user=root", "--pid-file=",
            .. names.Select(n => $"--host-record={n.Key},{n.Value}"),
        ]);
        net.Run(server.Device, "python3", [Path.Combine(AppContext.BaseDirectory, "Outside/internet.py"), Path.Combine(folder, "server.pem"), Server, Other]);
        return net;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var child in children)
        {
            child.Kill();
            await child.Exited;
            child.Dispose();
        }
    }

    private void Run(string pin, string program, IReadOnlyList<string> arguments) => children.Add(Child.Start(new ChildStart(program, arguments)
    {
        NetworkNamespace = pin,
        LogFile = Path.Combine(Folder, $"{program}.out"),
        Environment = new Dictionary<string, string>(ChildStart.DefaultEnvironment) { ["FILES"] = Path.Combine(Folder, "files") },
    }));

    private async Task MakePackageAsync()
    {
        string tree = Path.Combine(Folder, "tree"), files = Path.Combine(Folder, "files");
        Directory.CreateDirectory(Path.Combine(tree, "DEBIAN"));
        Directory.CreateDirectory(Path.Combine(tree, "usr/share/safes-hello"));
        Directory.CreateDirectory(files);
        await File.WriteAllTextAsync(Path.Combine(tree, "DEBIAN/control"), $"Package: {Package}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: says hello\n");
        await File.WriteAllTextAsync(Path.Combine(tree, "usr/share/safes-hello/hello"), "hello\n");
        string deb = Path.Combine(files, "hello.deb");
        await Tool.RunAsync("dpkg-deb", ["--build", "--root-owner-group", tree, deb]);
        byte[] bytes = await File.ReadAllBytesAsync(deb);
        string control = await File.ReadAllTextAsync(Path.Combine(tree, "DEBIAN/control"));
        // The package itself lies under another name, to which its own redirects.
        await File.WriteAllTextAsync(
            Path.Combine(files, "Packages"),
            $"{control}Filename: redirect/http://pool.example.net/files/hello.deb\nSize: {bytes.Length}\nSHA256: {Convert.ToHexStringLower(SHA256.HashData(bytes))}\n\n");
    }

    private void MakeCertificate(IEnumerable<string> names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=the internet", key, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        // What Python 3.13 wants of certificates.
        authority.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        authority.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(authority.PublicKey, critical: false));
        using var root = authority.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(60));
        Authority = root.ExportCertificatePem();
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=server", own, HashAlgorithmName.SHA256);
        var alternative = new SubjectAlternativeNameBuilder();
        foreach (string name in names)
        {
            alternative.AddDnsName(name);
        }

        request.CertificateExtensions.Add(alternative.Build());
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(root, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        using var made = request.Create(root, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30), [1, 2, 3, 4]);
        File.WriteAllText(Path.Combine(Folder, "server.pem"), made.ExportCertificatePem() + "\n" + own.ExportPkcs8PrivateKeyPem());
    }
}
