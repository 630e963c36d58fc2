using System.Net;
using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Ways;

/// <summary>What a host's /etc/hosts becomes, with a real shell and a file in its place.</summary>
public sealed class HostNamesTests : IDisposable
{
    private const string Own = "127.0.0.1 localhost\n10.9.9.9 printer # of the team, no host of this safe at all\n# host of this safe: written by hand\n";

    private readonly string file = Path.GetTempFileName();

    [Fact]
    public async Task Every_host_is_there_once_by_both_addresses_and_what_others_wrote_stays()
    {
        await File.WriteAllTextAsync(file, Own, TestContext.Current.CancellationToken);
        NamedHost desk = Host("desk", 10), build = Host("build", 11);
        const string Tag = "# host of this safe";
        string two = $"10.83.17.11 build.ledger build {Tag}\nfd00::b build.ledger build {Tag}\n10.83.17.10 desk.ledger desk {Tag}\nfd00::a desk.ledger desk {Tag}\n";
        Assert.Equal(Own + two, await AfterAsync([desk, build]));
        var written = File.GetLastWriteTimeUtc(file);
        Assert.Equal(Own + two, await AfterAsync([build, desk]));      // the same again
        Assert.Equal(written, File.GetLastWriteTimeUtc(file));
        await File.AppendAllTextAsync(file, "10.9.9.8 scanner", TestContext.Current.CancellationToken);     // without a line's end
        Assert.Equal($"{Own}10.9.9.8 scanner\n10.83.17.10 desk.ledger desk {Tag}\nfd00::a desk.ledger desk {Tag}\n", await AfterAsync([desk]));
        Assert.Equal($"{Own}10.9.9.8 scanner\n", await AfterAsync([]));
        Assert.False(File.Exists(file + ".safe"));
    }

    [Fact]
    public void Other_hosts_or_addresses_are_other_names()
    {
        string[] marks = [Names([]).Mark, Names([Host("desk", 10)]).Mark, Names([Host("desk", 11)]).Mark, Names([Host("desk", 10), Host("build", 11)]).Mark];
        Assert.Equal(marks.Length, marks.Distinct().Count());
        Assert.Equal(Names([Host("desk", 10), Host("build", 11)]).Mark, Names([Host("build", 11), Host("desk", 10)]).Mark);
    }

    public void Dispose() => File.Delete(file);

    private async Task<string> AfterAsync(NamedHost[] hosts)
    {
        await Tool.RunAsync("sh", ["-ec", Names(hosts).Script.Replace("/etc/hosts", file, StringComparison.Ordinal)]);
        return await File.ReadAllTextAsync(file);
    }

    private static HostNames Names(NamedHost[] hosts) => new("ledger", hosts);

    private static NamedHost Host(string name, int number) => new(name, IPAddress.Parse($"10.83.17.{number}"), IPAddress.Parse($"fd00::{number:x}"));
}
