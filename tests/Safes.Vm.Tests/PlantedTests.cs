using System.Security.Cryptography;
using System.Text.Json;
using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Planting;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>
/// What somebody put among a host's files has no effect: the host is refused before QEMU sees it, nothing is written, the other hosts of the
/// safe are there. No guest runs here; a program that ends at once stands in for QEMU.
/// </summary>
[Trait("needs", "root")]
public sealed class PlantedTests : IAsyncLifetime
{
    private const string Image = "debian-13-0123456789ab";

    private OpenVolume volume = null!;
    private TestPorts ports = null!;
    private SshAuthority authority = null!;

    public async ValueTask InitializeAsync()
    {
        volume = await OpenVolume.MakeAsync(100L << 20);
        ports = await TestPorts.MakeAsync(volume.Place);
        authority = await SshAuthority.OpenAsync(volume.Volume.Root.Below("ssh"), Path.Combine(volume.Place, "signing"));
        Directory.CreateDirectory(volume.At($"images/{Image}"));
        File.WriteAllBytes(volume.At($"images/{Image}/disk.qcow2"), Qcow2Disk.Header());
        MakeHost("desk", 10);
        MakeHost("other", 11);
    }

    public async ValueTask DisposeAsync()
    {
        await ports.DisposeAsync();
        await volume.DisposeAsync();
    }

    [Theory]
    [InlineData("nothing")]     // the control: here it comes to QEMU's being started
    [InlineData("disk with a data file")]
    [InlineData("disk on another file")]
    [InlineData("disk that is huge")]
    [InlineData("disk that is negative")]
    [InlineData("disk that is a link")]
    [InlineData("disk that is a device")]
    [InlineData("disk that is somebody else's")]
    [InlineData("image on another file")]
    [InlineData("ram that is a pipe")]
    [InlineData("ram that is a device")]
    [InlineData("ram that is a directory")]
    [InlineData("state.json that is a link")]
    [InlineData("state.json that is a pipe")]
    [InlineData("state.json that is a device")]
    [InlineData("state.json that is a directory")]
    [InlineData("state.json from beyond the years")]
    [InlineData("console that is a pipe")]
    [InlineData("qemu.log that is a pipe")]
    [InlineData("virtiofsd.log that is a link")]
    public async Task Among_a_hosts_files(string planted)
    {
        string elsewhere = Path.Combine(volume.Place, "elsewhere");
        await File.WriteAllTextAsync(elsewhere, "untouched", TestContext.Current.CancellationToken);
        await PlantAsync(planted, elsewhere);
        string before = Listing();
        await using var fleet = await FleetAsync();
        Assert.Equal(["desk", "other"], fleet.Status().Select(s => s.Name));

        var start = fleet.StartAsync("desk", cold: false, 1);
        var refused = await Assert.ThrowsAsync<FaultException>(() => start.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal(planted.StartsWith("state.json", StringComparison.Ordinal) && !planted.EndsWith("pipe", StringComparison.Ordinal) ? FaultCodes.ImageDamaged : FaultCodes.HostFailed, refused.Code);
        bool started = File.Exists(Path.Combine(volume.Place, "hosts/10/process.json"));
        Assert.True(started == (planted == "nothing"), $"{refused.Details.GetValueOrDefault("why")}");
        if (!started)
        {
            Assert.Equal(before, Listing());
        }

        Assert.Equal("untouched", await File.ReadAllTextAsync(elsewhere, TestContext.Current.CancellationToken));
        Assert.All(await fleet.SuspendAllAsync(1, TimeSpan.FromSeconds(20)), o => Assert.True(o.Done, Fleet.Why(o)));
    }

    [Theory]
    [InlineData("a link")]
    [InlineData("a device")]
    [InlineData("a pipe")]
    [InlineData("somebody else's directory")]
    [InlineData("host.json that names another image")]
    [InlineData("host.json that names another host's number")]
    [InlineData("host.json that names no time")]
    [InlineData("host.json that names more memory than there is")]
    [InlineData("host.json that wishes for more than there is")]
    [InlineData("host.json that is a device")]
    [InlineData("host.json that is a directory")]
    [InlineData("host.json that is a pipe")]
    public async Task In_place_of_a_host(string planted)
    {
        string elsewhere = Path.Combine(volume.Place, "elsewhere");
        Directory.CreateDirectory(elsewhere);
        string definition = File.ReadAllText(volume.At("hosts/desk/host.json"));
        switch (planted)
        {
            case "somebody else's directory":
                Unistd.Chown(volume.At("hosts/desk"), 0, 0);
                break;
            case "host.json that names another image":
                File.WriteAllText(volume.At("hosts/desk/host.json"), definition.Replace(Image, "../share", StringComparison.Ordinal));
                break;
            case "host.json that names another host's number":
                File.WriteAllText(volume.At("hosts/desk/host.json"), definition.Replace("\"number\": 10", "\"number\": 11", StringComparison.Ordinal));
                break;
            case "host.json that names no time":
                File.WriteAllText(volume.At("hosts/desk/host.json"), definition.Replace("\"booted_unix\": 1", $"\"booted_unix\": {long.MinValue}", StringComparison.Ordinal));
                break;
            case "host.json that names more memory than there is":
                File.WriteAllText(volume.At("hosts/desk/host.json"), definition.Replace("1048576", $"{long.MaxValue}", StringComparison.Ordinal));
                break;
            case "host.json that wishes for more than there is":
                File.WriteAllText(volume.At("hosts/desk/host.json"), definition.Replace(
                    "\"running\"", $$"""
                    "next": {"cpus": 1, "memory_bytes": 1048576, "disk_bytes": {{long.MaxValue}}}, "running"
                    """, StringComparison.Ordinal));
                break;
            case var file when file.StartsWith("host.json", StringComparison.Ordinal):
                File.Delete(volume.At("hosts/desk/host.json"));
                await PutAsync(volume.At("hosts/desk/host.json"), file.Split(' ')[^1], elsewhere);
                break;
            default:
                Directory.Delete(volume.At("hosts/desk"), recursive: true);
                await PutAsync(volume.At("hosts/desk"), planted.Split(' ')[^1], elsewhere);
                break;
        }

        string before = Listing();
        await using var fleet = await FleetAsync();
        Assert.Equal("other", Assert.Single(fleet.Status(), s => s.State != HostState.Failed).Name);
        Assert.Equal(planted.StartsWith("host.json", StringComparison.Ordinal), fleet.Status().Any(s => s is { Name: "desk", State: HostState.Failed }));
        Assert.Equal(before, Listing());
        Assert.Empty(Directory.GetFileSystemEntries(elsewhere));
    }

    [Theory]
    [InlineData("no JSON", true)]
    [InlineData("\"number\": 12", true)]
    [InlineData("\"number\": 12", false)]
    [InlineData("another UUID", true)]
    public async Task What_runs_behind_a_spoilt_definition_is_ended_shown_and_keeps_its_number(string spoilt, bool recorded)
    {
        string home = volume.At("hosts/desk"), run = Path.Combine(volume.Place, "hosts/10"), definition = Path.Combine(home, "host.json");
        using var rogue = Child.Start(new ChildStart("/bin/sh", ["-c", "kill -STOP $$", recorded ? "-changed" : "-uuid"]) { WorkingDirectory = home });
        try
        {
            Directory.CreateDirectory(run);
            string uuid = JsonDocument.Parse(File.ReadAllText(definition)).RootElement.GetProperty("uuid").GetString()!, start = File.ReadAllText($"/proc/{rogue.Pid}/stat").Split(") ")[1].Split(' ')[19];
            if (recorded)
            {
                File.WriteAllText(Path.Combine(run, "process.json"), $$"""{"qemu":{{rogue.Pid}},"qemu_start":{{start}},"virtiofsd":0,"virtiofsd_start":0,"uuid":"{{uuid}}"}""");
            }

            File.WriteAllText(definition, spoilt switch
            {
                "no JSON" => "{",
                "another UUID" => File.ReadAllText(definition).Replace(uuid, $"{Guid.NewGuid()}", StringComparison.Ordinal),
                _ => File.ReadAllText(definition).Replace("\"number\": 10", spoilt, StringComparison.Ordinal),
            });
            await using var fleet = await FleetAsync();
            await rogue.Exited.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
            Assert.Equal(["desk", "other"], fleet.Status().Select(s => s.Name));
            Assert.Equal(12, fleet.FreeNumber());
            if (spoilt != "another UUID")
            {
                Assert.Equal((HostState.Failed, ports.Address(10)), (fleet.Status()[0].State, fleet.Status()[0].Address));
                Assert.Equal(FaultCodes.HostFailed, (await Assert.ThrowsAsync<FaultException>(() => fleet.StartAsync("desk", cold: false, 1))).Code);
                Assert.Equal(FaultCodes.HostExists, (await Assert.ThrowsAsync<FaultException>(() => fleet.AddAsync(new("desk")))).Code);
            }

            await fleet.RemoveAsync("desk");
            Assert.Equal((false, false, 10), (Directory.Exists(home), Directory.Exists(run), fleet.FreeNumber()));
            Assert.Equal("other", Assert.Single(fleet.Status()).Name);
        }
        finally
        {
            rogue.Kill();
        }
    }

    [Theory]
    [InlineData("disk on another file")]
    [InlineData("disk with a data file")]
    [InlineData("disk of another size")]
    [InlineData("ram that is a link")]
    [InlineData("state that is a pipe")]
    public async Task In_a_bundle_whose_digests_are_right(string planted)
    {
        string directory = Path.Combine(volume.Place, "bundle"), elsewhere = Path.Combine(volume.Place, "elsewhere");
        Directory.CreateDirectory(directory);
        File.WriteAllText(elsewhere, "a secret of the server's");
        byte[] disk = planted switch
        {
            "disk on another file" => Qcow2Disk.Header(elsewhere),
            "disk with a data file" => DataFile(elsewhere),
            "disk of another size" => Qcow2Disk.Header(bytes: 1L << 39),
            _ => Qcow2Disk.Header(),
        };
        var digests = new Dictionary<string, string>();
        foreach (string file in Bundle.Files)
        {
            byte[] bytes = file == Bundle.Disk ? disk : RandomNumberGenerator.GetBytes(5000);
            await File.WriteAllBytesAsync(Path.Combine(directory, file), bytes, TestContext.Current.CancellationToken);
            digests[file] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        }

        if (planted.Split(' ') is [var name, "that", .., var kind])
        {
            File.Delete(Path.Combine(directory, name));
            await PutAsync(Path.Combine(directory, name), kind, elsewhere);
        }

        await File.WriteAllTextAsync(Path.Combine(directory, Bundle.ManifestFile), JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["name"] = "x",
            ["memory_bytes"] = 128L << 20,
            ["cpus"] = 1,
            ["disk_bytes"] = Qcow2Disk.Bytes,
            ["files"] = digests,
            ["qemu_version"] = "10.0.2",
            ["accelerator"] = "tcg",
            ["machine"] = "x",
            ["cpu"] = "x",
            ["hardware"] = "x",
        }), TestContext.Current.CancellationToken);
        var copying = Bundle.Open(directory).CopyAsync(volume.At("images/copy"));
        var refused = await Assert.ThrowsAsync<StateMismatchException>(() => copying.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal(planted.StartsWith("disk", StringComparison.Ordinal) ? Bundle.Disk : planted.Split(' ')[0], refused.What);
        Assert.Equal([volume.At($"images/{Image}")], Directory.GetFileSystemEntries(volume.At("images")));
    }

    private async Task PlantAsync(string planted, string elsewhere)
    {
        string Host(string file) => volume.At($"hosts/desk/{file}");
        switch (planted)
        {
            case "nothing":
                break;
            case "disk with a data file":
                File.WriteAllBytes(Host("disk.qcow2"), DataFile(elsewhere));
                break;
            case "disk on another file":
                File.WriteAllBytes(Host("disk.qcow2"), Qcow2Disk.Header(elsewhere));
                break;
            case "disk that is huge":
                File.WriteAllBytes(Host("disk.qcow2"), Qcow2Disk.Header(Backing, 1L << 60));
                break;
            case "disk that is negative":
                File.WriteAllBytes(Host("disk.qcow2"), Qcow2Disk.Header(Backing, -512));
                break;
            case "disk that is somebody else's":
                await Tool.RunAsync("ln", [volume.At("hosts/other/disk.qcow2"), Host("second")]);
                File.Move(Host("second"), Host("disk.qcow2"), overwrite: true);
                break;
            case "image on another file":
                File.WriteAllBytes(volume.At($"images/{Image}/disk.qcow2"), Qcow2Disk.Header(elsewhere));
                break;
            case "state.json from beyond the years":
                File.WriteAllText(Host("state.json"), $$"""{"host":"desk","generation":1,"digest":"","length":1,"ram":null,"saved_unix":{{long.MaxValue}}}""");
                break;
            default:
                string file = planted.Split(' ')[0] is "disk" ? "disk.qcow2" : planted.Split(' ')[0];
                File.Delete(Host(file));
                await PutAsync(Host(file), planted.Split(' ')[^1], elsewhere);
                break;
        }
    }

    private static Task PutAsync(string path, string kind, string elsewhere) => kind switch
    {
        "link" => Tool.RunAsync("ln", ["-s", elsewhere, path]),
        "pipe" => Tool.RunAsync("mkfifo", [path]),
        "device" => Tool.RunAsync("mknod", [path, "b", "7", "0"]),
        _ => Tool.RunAsync("mkdir", [path]),
    };

    private const string Backing = $"../../images/{Image}/disk.qcow2";

    private static byte[] DataFile(string file)
    {
        byte[] head = Qcow2Disk.Header(Backing, extension: (0x44415441, System.Text.Encoding.UTF8.GetBytes(file)));
        head[79] |= 4;
        return head;
    }

    private void MakeHost(string name, int number)
    {
        string home = volume.At($"hosts/{name}");
        Directory.CreateDirectory(home);
        File.WriteAllBytes(Path.Combine(home, "disk.qcow2"), Qcow2Disk.Header(Backing));
        File.WriteAllBytes(Path.Combine(home, "ram"), new byte[1 << 20]);
        foreach (string path in (string[])[home, .. Directory.GetFiles(home)])
        {
            Unistd.Chown(path, 64200u + (uint)number, 64200u + (uint)number);
        }

        File.WriteAllText(Path.Combine(home, "host.json"), $$"""
            {"name": "{{name}}", "number": {{number}}, "image": "{{Image}}", "cpus": 1, "memory_bytes": 1048576, "disk_bytes": {{Qcow2Disk.Bytes}},
             "uuid": "{{Guid.NewGuid()}}", "machine_id": "{{Guid.NewGuid()}}", "running": false, "booted_unix": 1}
            """);
    }

    /// <summary>All there is of hosts and images: names, kinds, owners, sizes, times.</summary>
    private string Listing() => Tool.TryAsync("find", [volume.At("hosts"), volume.At("images"), "-printf", "%p %y %m %U %s %T@ %n\n"]).GetAwaiter().GetResult().Output;

    private async Task<HostFleet> FleetAsync()
    {
        var fleet = new HostFleet(new HostFleetOptions
        {
            Zone = "ledger",
            Volume = volume.Volume.Root,
            Authority = authority,
            RunDirectory = Path.Combine(volume.Place, "hosts"),
            Tools = new Tools { Qemu = "false", QemuImg = "false", Virtiofsd = ["false"], Kernel = "", Modules = "", Busybox = "", Accelerator = "tcg", QemuVersion = "10.0.2" },
            Ports = ports,
        });
        await fleet.LoadAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return fleet;
    }
}
