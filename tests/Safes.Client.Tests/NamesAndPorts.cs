using Safes.Client.Network;
using Safes.Client.Session;
using Safes.Client.Ssh;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;

namespace Safes.Client.Tests;

/// <summary>What people type of hosts and ports, and what a device's hosts file becomes.</summary>
public sealed class NamesAndPorts : IDisposable
{
    private const string Own = "127.0.0.1 localhost\n192.0.2.7 printer";

    private readonly string file = Path.Combine(Directory.CreateTempSubdirectory("safes-names-").FullName, "hosts");

    [Theory]
    [InlineData("lab:8888", "lab", 8888)]
    [InlineData("a-1:1", "a-1", 1)]
    [InlineData("lab:65535", "lab", 65535)]
    public void A_service_reads_as_it_is_meant(string text, string host, int port) => Assert.Equal(new HostPortText(host, port), HostPortText.Parse(text));

    [Theory]
    [InlineData("lab:0", "port-wrong")]
    [InlineData("lab:70000", "port-wrong")]
    [InlineData("lab:080", "port-wrong")]
    [InlineData("lab:-1", "port-wrong")]
    [InlineData("lab:", "port-wrong")]
    [InlineData("lab", "port-wrong")]
    [InlineData("lab:8888888888888888888", "port-wrong")]
    [InlineData("lab:٨٨", "port-wrong")]
    [InlineData("lab.:8888", "host-name")]
    [InlineData("lab.ledger:8888", "host-name")]
    [InlineData("lаb:8888", "host-name")]          // a Cyrillic а
    [InlineData("xn--lb-wmc:8888\n", "port-wrong")]
    [InlineData("LAB:8888", "host-name")]
    [InlineData("*:8888", "host-name")]
    [InlineData("-lab:8888", "host-name")]
    [InlineData("10.83.17.10:8888", "host-name")]
    [InlineData("[fd00::a]:8888", "host-name")]
    [InlineData("lab; flush ruleset:8888", "host-name")]
    [InlineData(":8888", "host-name")]
    public void What_is_no_host_or_no_port_is_refused_by_its_own_code(string text, string code) =>
        Assert.Equal(code, Assert.Throws<FaultException>(() => HostPortText.Parse(text)).Code.Code);

    [Fact]
    public void A_name_of_three_hundred_characters_is_refused_and_not_repeated_whole()
    {
        var refused = Assert.Throws<FaultException>(() => HostPortText.Parse(new string('a', 300) + ":8888"));
        Assert.Equal(FaultCodes.HostName, refused.Code);
        Assert.True(refused.Details["host"].Length < 50);
    }

    [Fact]
    public void A_sessions_names_come_and_go_and_every_other_line_stays()
    {
        File.WriteAllText(file, Own);
        SshHost[] hosts = [new("lab", "10.83.17.11"), new("desk", "10.83.17.10")];
        DeviceNames anna = new(file, "ledger, for 10.83.16.2"), bob = new(file, "ledger, for 10.83.16.3");
        Assert.True(anna.Write("ledger", hosts));
        Assert.Equal(Own + "\n10.83.17.10 desk.ledger # host of the safe ledger, for 10.83.16.2\n10.83.17.11 lab.ledger # host of the safe ledger, for 10.83.16.2\n", File.ReadAllText(file));
        bob.Write("ledger", hosts[..1]);
        anna.Write("ledger", hosts[..1]);       // also what a killed session of hers left
        Assert.Equal(2, File.ReadAllLines(file).Count(l => l.Contains("lab.ledger", StringComparison.Ordinal)));
        Assert.DoesNotContain("desk", File.ReadAllText(file), StringComparison.Ordinal);
        anna.Remove();
        Assert.Single(File.ReadAllLines(file), l => l.Contains("ledger", StringComparison.Ordinal));
        bob.Remove();
        Assert.Equal(Own + "\n", File.ReadAllText(file));
        Assert.Equal([file], Directory.GetFiles(Path.GetDirectoryName(file)!));
    }

    [Fact]
    public void What_others_wrote_stays_byte_by_byte_in_whatever_encoding()
    {
        byte[] before = [.. "127.0.0.1 localhost # B"u8, 0xfc, .. "ro\r\n"u8];
        File.WriteAllBytes(file, before);
        DeviceNames names = new(file, "ledger, for 10.83.16.2");
        Assert.True(names.Write("ledger", [new("lab", "10.83.17.11")]));
        Assert.Equal(before, File.ReadAllBytes(file)[..before.Length]);
        Assert.True(names.Remove());
        Assert.Equal(before, File.ReadAllBytes(file));
    }

    [Fact]
    public async Task Sessions_of_several_safes_that_write_at_once_take_nothing_from_each_other()
    {
        await File.WriteAllTextAsync(file, Own + "\n", TestContext.Current.CancellationToken);
        string[] safes = ["ledger", "papers", "trial", "payroll"];
        await Task.WhenAll(safes.Select(safe => Task.Run(() =>
        {
            for (int i = 0; i <= 40; i++)
            {
                Assert.True(new DeviceNames(file, safe).Write(safe, [new("lab", $"10.83.17.{10 + i}")]));
                Assert.StartsWith(Own, File.ReadAllText(file), StringComparison.Ordinal);
            }
        })));
        Assert.Equal([.. safes.Select(s => $"10.83.17.50 lab.{s} # host of the safe {s}").Order(StringComparer.Ordinal)], File.ReadAllLines(file)[2..].Order(StringComparer.Ordinal));
        Assert.Equal([file], Directory.GetFiles(Path.GetDirectoryName(file)!));
    }

    [Fact]
    [Trait("needs", "root")]
    public async Task A_hosts_file_that_is_a_mount_is_written_in_its_place()
    {
        Assert.SkipUnless(Unistd.EffectiveUser == 0, "needs root for a mount");
        string mounted = file + "-of-the-container";
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(mounted, Own + "\n", TestContext.Current.CancellationToken);
        await Tool.RunAsync("mount", ["--bind", mounted, file]);
        try
        {
            DeviceNames names = new(file, "ledger");
            Assert.True(names.Write("ledger", [new("lab", "10.83.17.11"), new("desk", "10.83.17.10")]));
            Assert.Equal($"{Own}\n10.83.17.10 desk.ledger # host of the safe ledger\n10.83.17.11 lab.ledger # host of the safe ledger\n", await File.ReadAllTextAsync(mounted, TestContext.Current.CancellationToken));
            Assert.True(names.Remove());
            Assert.Equal(Own + "\n", await File.ReadAllTextAsync(mounted, TestContext.Current.CancellationToken));
        }
        finally
        {
            await Tool.RunAsync("umount", [file]);
        }
    }

    [Fact]
    public void A_hosts_file_that_cannot_be_written_is_no_failure_of_the_session() =>
        Assert.False(new DeviceNames("/proc/hosts/none", "ledger").Write("ledger", [new SshHost("lab", "10.83.17.11")]));

    [Fact]
    public void A_host_reaches_those_of_its_group_or_those_that_are_in_none_as_it_is()
    {
        var view = new InsideView(new NetworkReply
        {
            Hosts = { new NetworkHost { Name = "build", Group = "ci" }, new NetworkHost { Name = "desk" }, new NetworkHost { Name = "lab" }, new NetworkHost { Name = "runner", Group = "ci" } },
        });
        Assert.Equal(["runner"], view.Reached(view.Find("build")));
        Assert.Equal(["lab"], view.Reached(view.Find("desk")));
        Assert.Equal(FaultCodes.HostUnknown, Assert.Throws<FaultException>(() => view.Find("nobody")).Code);
        Assert.Equal(FaultCodes.NoShell, Assert.Throws<FaultException>(view.RequireShell).Code);
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
}
