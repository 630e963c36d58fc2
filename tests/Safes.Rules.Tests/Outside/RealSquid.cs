using System.Net;
using Safes.Linux;
using Safes.Rules.Outside;

namespace Safes.Rules.Tests.Outside;

/// <summary>Debian's Squid in a fake internet, with the configuration that the rules become.</summary>
internal sealed class RealSquid : IAsyncDisposable
{
    private readonly FakeInternet net;
    private Child? running;

    private RealSquid(FakeInternet net) => this.net = net;

    /// <summary>In place of helpers, by the names of their files.</summary>
    private IReadOnlyDictionary<string, string> Helpers { get; init; } = new Dictionary<string, string>();

    /// <summary>What says reasons in first lines: with the rights that it has in a proxy host, and without a network.</summary>
    public Child Reasons { get; private set; } = null!;

    private string Configuration => net.At($"files/{SquidConfiguration.FileName}");

    public string Requests => File.ReadAllText(net.At("logs/requests"));

    public string Log => File.ReadAllText(net.At("logs/squid.log"));

    public static async Task<RealSquid> StartAsync(FakeInternet net, OutsideRules rules, params (string Name, string Text)[] helpers)
    {
        var squid = new RealSquid(net) { Helpers = helpers.ToDictionary(h => h.Name, h => h.Text) };
        Directory.CreateDirectory(net.At("logs"));
        Directory.CreateDirectory(net.At("reasons"));
        Directory.CreateDirectory(net.At("files"));
        await Tool.RunAsync("chown", ["proxy:proxy", net.At("logs"), net.At("reasons"), net.Folder]);
        await Tool.RunAsync("/usr/lib/squid/security_file_certgen", ["-c", "-s", net.At("certificates"), "-M", "4MB"]);
        await Tool.RunAsync("chown", ["-R", "proxy:proxy", net.At("certificates")]);
        squid.Write(rules);
        squid.SayReasons();
        await net.WaitForAsync(() => Task.FromResult(File.Exists(net.At("reasons/socket"))));
        squid.running = net.Run("squid", ["-N", "-f", squid.Configuration, "-n", net.Folder.Split('-')[^1]]);
        await net.WaitForAsync(async () => (await Tool.TryAsync("curl", ["-s", "-o", "/dev/null", $"http://{FakeInternet.ProxyAddress}:3128/"], network: net.Pin)).Exit == 0);
        return squid;
    }

    /// <summary>Other rules, as a running proxy takes them.</summary>
    public async Task ChangeAsync(OutsideRules rules)
    {
        Write(rules);
        await Tool.RunAsync("squid", ["-f", Configuration, "-n", net.Folder.Split('-')[^1], "-k", "reconfigure"], network: net.Pin);
    }

    /// <summary>Starts what says reasons in first lines, another time once it was ended.</summary>
    public void SayReasons()
    {
        Reasons?.Dispose();
        Reasons = Child.Start(new ChildStart("unshare", [
            "--net", "setpriv", "--reuid=proxy", "--regid=proxy", "--clear-groups", "--inh-caps=-all,+sys_ptrace", "--ambient-caps=-all,+sys_ptrace", "--bounding-set=-all,+sys_ptrace",
            "--no-new-privs", "/usr/bin/python3", net.At(SquidConfiguration.ReasonName), "serve", net.At("reasons/socket"), net.At("files"), $"{SquidPlaces.Port}", net.At("squid.pid"),
        ])
        {
            LogFile = net.At("reasons.out"),
        });
    }

    private void Write(OutsideRules rules)
    {
        var places = new SquidPlaces(
            IPAddress.Parse(FakeInternet.ProxyAddress), net.At("files"), net.At("logs"), net.At("certificates"), net.At("proxy.pem"), [IPAddress.Parse(FakeInternet.Resolver)])
        {
            Process = net.At("squid.pid"),
            Trusted = net.At("internet.crt"),
            Reasons = net.At("reasons/socket"),
        };
        var files = SquidConfiguration.Files(rules, places);
        foreach (var (name, text) in files)
        {
            File.WriteAllText(Path.Combine(net.At("files"), name), Helpers.GetValueOrDefault(name, text));
        }

        File.WriteAllText(net.At(SquidConfiguration.ReasonName), files[SquidConfiguration.ReasonName]);
    }

    public async ValueTask DisposeAsync()
    {
        running?.Signal(15);
        await running!.WaitAsync(TimeSpan.FromSeconds(10));
        Reasons.Kill();
        await Reasons.Exited;
        Reasons.Dispose();
    }
}
