using Safes.Client.Connection;
using Safes.Client.Doctor;
using Safes.Client.Profile;
using Safes.Contracts.V1;
using Safes.Keys;

namespace Safes.Client.Tests;

public sealed class DoctorOfTheDevice : IDisposable
{
    private static readonly DeviceFacts Well = new(
        true, true, new HashSet<string> { "ip", "wg", "nft", "ssh", "ssh-keygen" }, 1L << 30, true, true, true, DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));

    private readonly DirectoryInfo home = Directory.CreateTempSubdirectory("safes-doctor-");

    [Fact]
    public void A_device_that_has_all_is_told_so() => Assert.All(
        [DeviceDoctor.Way(Well), DeviceDoctor.Ssh(Well), DeviceDoctor.Memory(Well, Argon2Parameters.Default), DeviceDoctor.Unicode(Well), DeviceDoctor.Clock(Well)],
        f => Assert.Equal((Grade.Good, "", ""), (f.Grade, f.Why, f.Do)));

    [Fact]
    public void What_is_wrong_is_told_with_why_and_what_to_do()
    {
        var none = new HashSet<string>();
        (Finding Found, Grade Grade, string Do)[] found =
        [
            (DeviceDoctor.Way(Well with { MayManageNetwork = false }), Grade.Should, "safe vpn config"),
            (DeviceDoctor.Way(Well with { Programs = none }), Grade.Must, "wireguard-tools"),
            (DeviceDoctor.Way(Well with { KernelHasWireGuard = false }), Grade.Must, "wireguard-go"),
            (DeviceDoctor.Kept("ledger", "wg0", kept: false), Grade.Should, "safe vpn config"),
            (DeviceDoctor.Ssh(Well with { Programs = none }), Grade.Must, "openssh-client"),
            (DeviceDoctor.Ssh(Well with { SshIncludes = false }), Grade.Should, "safe ssh-config --install"),
            (DeviceDoctor.Memory(Well with { FreeMemory = 180L << 20 }, Argon2Parameters.Default), Grade.Must, "memory"),
            (DeviceDoctor.Unicode(Well with { Unicode = false }), Grade.Must, "libicu"),
            (DeviceDoctor.Clock(Well with { Synchronised = false }), Grade.Should, "timesyncd"),
            (DeviceDoctor.WentBack("ledger", Well.Now.ToUnixTimeSeconds() + 7200, Well.Now)!, Grade.Must, "timedatectl"),
            (DeviceDoctor.Reach("ledger", "safe.example.org:51820", new Outlook(null, false, State.Unknown, "")), Grade.Must, "another network"),
            (DeviceDoctor.Reach("ledger", "safe.example.org:51820", new Outlook(null, null, State.Unknown, Outlook.ClockDoubtful)), Grade.Should, "clock"),
            (DeviceDoctor.Reach("ledger", "safe.example.org:51820", new Outlook(false, null, State.Unknown, "no answer")), Grade.Must, "safed"),
            (DeviceDoctor.Reach("ledger", "safe.example.org:51820", new Outlook(null, false, State.Unknown, "its name is not known here")), Grade.Must, "online"),
        ];
        Assert.All(found, f =>
        {
            Assert.Equal(f.Grade, f.Found.Grade);
            Assert.Contains(f.Do, f.Found.Do, StringComparison.Ordinal);
            Assert.NotEmpty(f.Found.Why);
        });
        Assert.Contains("180 MiB free, a password's hash needs 256", found[6].Found.What, StringComparison.Ordinal);
        Assert.Contains("2 h behind", found[9].Found.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Wireguard_go_will_do_and_an_answer_is_good()
    {
        Assert.Equal(Grade.Good, DeviceDoctor.Way(Well with { KernelHasWireGuard = false, Programs = new HashSet<string> { "ip", "wg", "nft", "wireguard-go" } }).Grade);
        Assert.Equal(Grade.Good, DeviceDoctor.Reach("ledger", "e", new Outlook(null, true, State.Unknown, "")).Grade);
        Assert.Equal(Grade.Good, DeviceDoctor.Reach("ledger", "e", new Outlook(true, null, State.Closed, "")).Grade);
        Assert.Null(DeviceDoctor.WentBack("ledger", Well.Now.ToUnixTimeSeconds(), Well.Now));
    }

    [Fact]
    public void A_file_that_others_can_read_is_named()
    {
        string config = Path.Combine(home.FullName, "safes"), file = Path.Combine(config, "ledger", "device.keys");
        Assert.Equal(Grade.Should, DeviceDoctor.Permissions(config).Grade);
        PrivateFile.Write(file, "x");
        Assert.Equal(Grade.Good, DeviceDoctor.Permissions(config).Grade);
        File.SetUnixFileMode(file, (UnixFileMode)0x1a4);
        var finding = DeviceDoctor.Permissions(config);
        Assert.Equal(Grade.Must, finding.Grade);
        Assert.Contains(file, finding.What, StringComparison.Ordinal);
        Assert.Contains("chmod", finding.Do, StringComparison.Ordinal);
    }

    public void Dispose() => home.Delete(recursive: true);
}
