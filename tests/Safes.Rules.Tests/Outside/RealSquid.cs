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

    /// <summary>In place of the helper; empty: the true one.</summary>
    public string Helper { get; init; } = "";

    private string Configuration => net.At($"files/{SquidConfiguration.FileName}");

    public string Requests => File.ReadAllText(net.At("logs/requests"));

    public string Log => File.ReadAllText(net.At("logs/squid.log"));

    public static async Task<RealSquid> StartAsync(FakeInternet net, OutsideRules rules, string helper = "")
    {
        var squid = new RealSquid(net) { Helper = helper };
        Directory.CreateDirectory(net.At("logs"));
        Directory.CreateDirectory(net.At("files"));
        await Tool.RunAsync("chown", ["proxy:proxy", net.At("logs"), net.Folder]);
        await Tool.RunAsync("/usr/lib/squid/security_file_certgen", ["-c", "-s", net.At("certificates"), "-M", "4MB"]);
        await Tool.RunAsync("chown", ["-R", "proxy:proxy", net.At("certificates")]);
        squid.Write(rules);
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

    private void Write(OutsideRules rules)
    {
        var places = new SquidPlaces(
            IPAddress.Parse(FakeInternet.ProxyAddress), net.At("files"), net.At("logs"), net.At("certificates"), net.At("proxy.pem"), [IPAddress.Parse(FakeInternet.Resolver)])
        {
            Process = net.At("squid.pid"),
            Trusted = net.At("internet.crt"),
        };
        foreach (var (name, text) in SquidConfiguration.Files(rules, places))
        {
            File.WriteAllText(Path.Combine(net.At("files"), name), name == SquidConfiguration.HelperName && Helper.Length > 0 ? Helper : text);
        }
    }

    public async ValueTask DisposeAsync()
    {
        running?.Signal(15);
        await running!.WaitAsync(TimeSpan.FromSeconds(10));
    }
}
