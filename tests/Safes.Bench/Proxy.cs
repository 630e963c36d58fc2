using System.Globalization;
using System.Net;
using Safes.Linux;
using Safes.Rules;
using Safes.Rules.Outside;
using Safes.Rules.Tests.Outside;

namespace Safes.Bench;

/// <summary>Downloads through Squid as the rules configure it, against the same program with a configuration that allows everybody everything.</summary>
internal static class Proxy
{
    private const int Bytes = 128 << 20, HandPort = SquidPlaces.Port + 1;
    private const string Site = "git.example.org";

    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        var host = IPAddress.Parse("10.83.17.10");
        var hosts = new Dictionary<string, IPAddress> { ["build"] = host };
        await using var net = await FakeInternet.StartAsync(host);
        var rule = new StandingRule(1, new AllowRule("build", Site, 0, [], 0, 0, 0), default, "Anna", default);
        await using var squid = await RealSquid.StartAsync(net, OutsideRules.Of([rule], hosts, DateTimeOffset.UtcNow));
        await File.WriteAllTextAsync(net.At("hand.conf"), $"""
            http_port {FakeInternet.ProxyAddress}:{HandPort}
            http_access allow all
            dns_nameservers {FakeInternet.Resolver}
            cache_effective_user proxy
            pid_filename {net.At("hand.pid")}
            cache_log {net.At("logs/hand.log")}
            access_log stdio:{net.At("logs/hand-requests")}
            pinger_enable off
            coredump_dir none

            """);
        net.Run("squid", ["-N", "-f", net.At("hand.conf"), "-n", $"hand{net.Folder.Split('-')[^1]}"]);
        await net.WaitForAsync(async () => (await Tool.TryAsync("curl", ["-s", "-o", "/dev/null", $"http://{FakeInternet.ProxyAddress}:{HandPort}/"], network: net.Pin)).Exit == 0);

        const string Hand = "the same Squid with a configuration that allows everything";
        var results = new List<Measurement>();
        foreach (var (scheme, what) in ((string, string)[])[("http", "in clear"), ("https", "over TLS, which a rule for a name alone leaves closed")])
        {
            List<double> ours = [], hand = [];
            for (int i = 0; i <= runs; i++)
            {
                double a = await RateAsync(net, host, SquidPlaces.Port, scheme), b = await RateAsync(net, host, HandPort, scheme);
                if (i > 0)      // the first round looks up names and starts what helps
                {
                    ours.Add(a);
                    hand.Add(b);
                }
            }

            results.Add(Measurement.AtLeast($"proxy {scheme}", $"{Bytes >> 20} MiB downloaded through the proxy by one rule, {what}", "MB/s", ours, Hand, hand, 0.95));
        }

        return results;
    }

    private static async Task<double> RateAsync(FakeInternet net, IPAddress from, int port, string scheme)
    {
        string said = await Tool.RunAsync(
            "curl", ["-sSf", "-o", "/dev/null", "--interface", $"{from}", "--proxy", $"http://{FakeInternet.ProxyAddress}:{port}", "--cacert", net.Trusted, "-w", "%{size_download} %{speed_download}",
                $"{scheme}://{Site}/bytes/{Bytes}"], network: net.Pin);
        string[] words = said.Split(' ');
        Assert.Equal($"{Bytes}", words[0]);
        return double.Parse(words[1], CultureInfo.InvariantCulture) / 1e6;
    }
}
