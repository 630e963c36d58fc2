using System.Security.Cryptography;
using System.Text.Json;
using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>Hosts that cannot be are refused with the reason, before anything of them is made. No guest runs here.</summary>
[Trait("needs", "root")]
public sealed class RefusalTests : IAsyncLifetime
{
    private const long Memory = 128L << 20, Disk = 16L << 20;

    private OpenVolume volume = null!;
    private TestPorts ports = null!;
    private SshAuthority authority = null!;

    public async ValueTask InitializeAsync()
    {
        volume = await OpenVolume.MakeAsync(400L << 20);
        ports = await TestPorts.MakeAsync(volume.Place);
        authority = await SshAuthority.OpenAsync(volume.Volume.Root.Below("ssh"), Path.Combine(volume.Place, "signing"));
    }

    public async ValueTask DisposeAsync()
    {
        await ports.DisposeAsync();
        await volume.DisposeAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("Desk")]
    [InlineData("-desk")]
    [InlineData("desk-")]
    [InlineData("de sk")]
    [InlineData("desk\n")]
    [InlineData("../desk")]
    [InlineData("desk.ledger")]
    [InlineData("désk")]
    [InlineData("gateway")]
    [InlineData("abcdefghijklmnopqrstuvwxyz012345")]
    [InlineData("$(reboot)")]
    public Task A_name_that_could_be_something_else(string name) => RefusedAsync(FaultCodes.HostName, null, new HostRequest(name));

    [Fact]
    public Task More_memory_than_the_server_has() => RefusedAsync(FaultCodes.HostMemory, "memory", new HostRequest("desk", MemoryBytes: 1L << 40));

    [Fact]
    public Task More_memory_than_can_be_saved_within_the_bound() => RefusedAsync(
        FaultCodes.HostMemory, "bound", new HostRequest("desk"), o => o with { WriteBackRate = 1 << 20, Bound = TimeSpan.FromSeconds(120) });

    [Fact]
    public Task More_disk_than_the_volume_has_room_for() => RefusedAsync(FaultCodes.HostDisk, "room", new HostRequest("desk", DiskBytes: 1L << 30));

    [Fact]
    public Task An_image_that_was_made_under_another_accelerator() => RefusedAsync(
        FaultCodes.ImageMismatch, null, new HostRequest("desk"), o => o with { Tools = o.Tools with { Accelerator = "kvm" } });

    [Fact]
    public Task A_disk_smaller_than_its_image() => RefusedAsync(FaultCodes.HostDisk, "size", new HostRequest("desk", DiskBytes: 1L << 20));

    [Fact]
    public Task More_processors_than_the_server_has() => RefusedAsync(FaultCodes.BadRequest, null, new HostRequest("desk", Cpus: 1000));

    [Fact]
    public Task An_image_that_is_not_there() => RefusedAsync(FaultCodes.ImageMissing, null, new HostRequest("desk", "windows"));

    [Fact]
    public Task An_image_that_members_were_not_shown() => RefusedAsync(
        FaultCodes.ImageDamaged, null, new HostRequest("desk"), o => o with { KnownBundles = new HashSet<string> { new('0', 64) } });

    [Fact]
    public async Task An_image_with_one_bit_changed_leaves_nothing_on_the_volume()
    {
        string bundle = MakeBundle();
        byte[] disk = File.ReadAllBytes(Path.Combine(bundle, Bundle.Disk));
        disk[777] ^= 4;
        File.WriteAllBytes(Path.Combine(bundle, Bundle.Disk), disk);
        await RefusedAsync(FaultCodes.ImageDamaged, null, new HostRequest("desk"), bundle: bundle);
    }

    [Fact]
    public async Task A_definition_with_a_key_we_do_not_know_is_no_host_of_ours()
    {
        Directory.CreateDirectory(volume.At("hosts/odd"));
        File.WriteAllText(volume.At("hosts/odd/host.json"), """{"name": "odd", "new_in_2031": true}""");
        Directory.CreateDirectory(volume.At("hosts/halfmade"));
        await using var fleet = await FleetAsync(MakeBundle(), o => o);
        Assert.Empty(fleet.Status());
        Assert.True(Directory.Exists(volume.At("hosts/odd")));          // somebody's work may be in it
        Assert.False(Directory.Exists(volume.At("hosts/halfmade")));    // never was one
        Assert.Equal(FaultCodes.HostUnknown, (await Assert.ThrowsAsync<FaultException>(() => fleet.StartAsync("odd", cold: false, 1))).Code);
    }

    [Fact]
    public async Task Accounts_are_members_names_and_nothing_else()
    {
        await using var fleet = await FleetAsync(MakeBundle(), o => o);
        foreach (var account in (MemberAccount[])[new("root", 3001), new("a;b", 3001), new("anna", 0), new("anna\n", 3001), new("$(x)", 3002)])
        {
            Assert.Equal(FaultCodes.BadRequest, (await Assert.ThrowsAsync<FaultException>(() => fleet.ApplyRosterAsync([account]))).Code);
        }
    }

    [Fact]
    public async Task A_certificate_names_one_account_and_minutes()
    {
        string key = await NewKeyAsync();
        string certificate = await authority.SignUserAsync(key, "anna", "anna laptop", TimeSpan.FromMinutes(5));
        string file = Path.Combine(volume.Place, "c.pub");
        await File.WriteAllTextAsync(file, certificate + "\n", TestContext.Current.CancellationToken);
        string shown = await Tool.RunAsync("ssh-keygen", ["-L", "-f", file]);
        Assert.Contains("user certificate", shown, StringComparison.Ordinal);
        Assert.Matches(@"Principals:\s+anna\s+Critical Options", shown);
        Assert.Contains("anna laptop", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("agent-forwarding", shown, StringComparison.Ordinal);

        await File.WriteAllTextAsync(file, await authority.SignHostAsync(key, "desk", "ledger") + "\n", TestContext.Current.CancellationToken);
        shown = await Tool.RunAsync("ssh-keygen", ["-L", "-f", file]);
        Assert.Contains("host certificate", shown, StringComparison.Ordinal);
        Assert.Matches(@"Principals:\s+desk\.ledger\s+Critical Options", shown);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmWEUFmPTqQHvLA0ZP5wTsSbkvVgmTLTjCMNCFbkTFA\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmWEUFmPTqQHvLA0ZP5wTsSbkvVgmTLTjCMNCFbkTFA")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIUkO5gzOVyHFmBGN2T8kcHhNnnJb3jz1Fmb5uYJ3qJ6P")]
    [InlineData("command=\"x\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmWEUFmPTqQHvLA0ZP5wTsSbkvVgmTLTjCMNCFbkTFA")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmWEUFmPTqQHvLA0ZP5wTsSbkvVgmTLTjCMNCFbkTFA'; reboot; '\u00e9")]
    public async Task What_is_not_one_key_is_not_signed(string key) => Assert.Equal(
        FaultCodes.BadRequest, (await Assert.ThrowsAsync<FaultException>(() => authority.SignHostAsync(key, "desk", "ledger"))).Code);

    [Fact]
    public async Task The_authorities_stay_the_same()
    {
        var again = await SshAuthority.OpenAsync(volume.Volume.Root.Below("ssh"), Path.Combine(volume.Place, "signing"));
        Assert.Equal((authority.UserAuthority, authority.HostAuthority), (again.UserAuthority, again.HostAuthority));
        Assert.NotEqual(authority.UserAuthority, authority.HostAuthority);
    }

    private async Task RefusedAsync(FaultCode code, string? why, HostRequest request, Func<HostFleetOptions, HostFleetOptions>? with = null, string? bundle = null)
    {
        await using var fleet = await FleetAsync(bundle ?? MakeBundle(), with ?? (o => o));
        var fault = await Assert.ThrowsAsync<FaultException>(() => fleet.AddAsync(request));
        Assert.Equal(code, fault.Code);
        if (why is not null)
        {
            Assert.Equal(why, fault.Details["why"]);
        }

        Assert.Empty(fleet.Status());
        Assert.Empty(Directory.GetFileSystemEntries(volume.At("hosts")));
        Assert.Empty(Directory.GetFileSystemEntries(volume.At("images")));
    }

    private async Task<HostFleet> FleetAsync(string bundle, Func<HostFleetOptions, HostFleetOptions> with)
    {
        var fleet = new HostFleet(with(new HostFleetOptions
        {
            Zone = "ledger",
            Volume = volume.Volume.Root,
            Authority = authority,
            RunDirectory = Path.Combine(volume.Place, "hosts"),
            Tools = new Tools { Qemu = "false", QemuImg = "false", Virtiofsd = ["false"], Kernel = "", Modules = "", Busybox = "", Accelerator = "tcg", QemuVersion = "10.0.2" },
            Ports = ports,
            Bundles = new Dictionary<string, string> { ["debian-13"] = bundle },
        }));
        await fleet.LoadAsync();
        return fleet;
    }

    /// <summary>A bundle in form, of random bytes.</summary>
    private string MakeBundle()
    {
        string directory = Path.Combine(volume.Place, "bundle");
        Directory.CreateDirectory(directory);
        var digests = new Dictionary<string, string>();
        foreach (string file in Bundle.Files)
        {
            byte[] bytes = RandomNumberGenerator.GetBytes(10_000);
            File.WriteAllBytes(Path.Combine(directory, file), bytes);
            digests[file] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        }

        File.WriteAllText(Path.Combine(directory, Bundle.ManifestFile), JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["name"] = "debian-13",
            ["memory_bytes"] = Memory,
            ["cpus"] = 1,
            ["disk_bytes"] = Disk,
            ["files"] = digests,
            ["qemu_version"] = "10.0.2",
            ["accelerator"] = "tcg",
            ["machine"] = HostHardware.Machine,
            ["cpu"] = "emulated",
            ["hardware"] = "x",
        }));
        return directory;
    }

    private async Task<string> NewKeyAsync()
    {
        string file = Path.Combine(volume.Place, "key");
        await Tool.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
        return await File.ReadAllTextAsync(file + ".pub");
    }
}
