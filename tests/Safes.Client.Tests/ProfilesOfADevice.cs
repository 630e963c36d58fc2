using Safes.Client.Enrolment;
using Safes.Client.Profile;
using Safes.Client.Tests.Fake;
using Safes.Contracts;

namespace Safes.Client.Tests;

public sealed class ProfilesOfADevice : IDisposable
{
    private readonly TestDevice device = new();
    private readonly FakeSafe safe = new(new byte[32]);

    private string Directory => Path.Combine(device.Places.Config, "ledger");

    [Fact]
    public void A_profile_is_read_back_as_it_was_bound()
    {
        using var bound = device.Own(safe);
        using var read = SafeProfile.Load(device.Places, "ledger");
        Assert.Equal(bound.Keys.Device, read.Keys.Device);
        Assert.Equal(bound.Roster.Head.ToArray(), read.Roster.Head.ToArray());
        Assert.Equal(bound.Roster.Safe, read.Address.Safe);
    }

    [Fact]
    public void Everything_is_for_its_owner_alone()
    {
        using var bound = device.Own(safe);
        foreach (string path in System.IO.Directory.EnumerateFileSystemEntries(device.Places.Config, "*", SearchOption.AllDirectories).Append(device.Places.Config))
        {
            var wanted = UnixFileMode.UserRead | UnixFileMode.UserWrite | (System.IO.Directory.Exists(path) ? UnixFileMode.UserExecute : 0);
            Assert.Equal(wanted, File.GetUnixFileMode(path));
        }
    }

    [Theory]
    [InlineData("device.keys")]
    [InlineData("address")]
    [InlineData("roster")]
    [InlineData("known.json")]
    public void A_file_that_others_may_read_is_refused(string file)
    {
        device.Own(safe).Dispose();
        File.SetUnixFileMode(Path.Combine(Directory, file), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        var fault = Assert.Throws<FaultException>(() => SafeProfile.Load(device.Places, "ledger"));
        Assert.Equal(FaultCodes.UnsafePermissions, fault.Code);
        Assert.EndsWith(file, fault.Details["path"]);
    }

    [Fact]
    public void A_directory_that_others_may_enter_is_refused()
    {
        device.Own(safe).Dispose();
        File.SetUnixFileMode(Directory, File.GetUnixFileMode(Directory) | UnixFileMode.OtherExecute);
        Assert.Equal(FaultCodes.UnsafePermissions, Assert.Throws<FaultException>(() => SafeProfile.Load(device.Places, "ledger")).Code);
    }

    [Theory]
    [InlineData("device.keys")]
    [InlineData("address")]
    [InlineData("roster")]
    [InlineData("known.json")]
    public void A_damaged_file_is_named(string file)
    {
        device.Own(safe).Dispose();
        string path = Path.Combine(Directory, file);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        var fault = Assert.Throws<FaultException>(() => SafeProfile.Load(device.Places, "ledger"));
        Assert.Equal(FaultCodes.DamagedFile, fault.Code);
    }

    [Fact]
    public void Which_of_several_safes_is_meant_must_be_said()
    {
        device.Own(safe).Dispose();
        device.Own(new FakeSafe(new byte[32]) { Name = "archive" }).Dispose();
        var profiles = new Profiles(device.Places);
        Assert.Equal(["archive", "ledger"], profiles.Names);
        Assert.Equal(FaultCodes.Usage, Assert.Throws<FaultException>(() => profiles.Open(null)).Code);
        profiles.Open("archive").Dispose();
        Assert.Equal(FaultCodes.NoProfile, Assert.Throws<FaultException>(() => profiles.Open("nothing")).Code);
    }

    [Fact]
    public void An_id_is_made_once_and_written_again_as_often_as_wanted()
    {
        var profiles = new Profiles(device.Places);
        var id = Identities.Make(profiles, "anna", "laptop");
        Assert.Equal(FaultCodes.IdExists, Assert.Throws<FaultException>(() => Identities.Make(profiles, "bob", "desktop")).Code);
        Assert.Equal(id.Fingerprint, Identities.Again(profiles).Fingerprint);
        profiles.DropPending();
        Assert.NotEqual(id.Fingerprint, Identities.Make(profiles, "anna", "laptop").Fingerprint);
        Assert.Empty(profiles.Names);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("x\u001b[2J")]
    public void Names_that_could_hurt_a_terminal_or_a_path_are_refused(string name) =>
        Assert.Equal(FaultCodes.Usage, Assert.Throws<FaultException>(() => Identities.Make(new Profiles(device.Places), name, "laptop")).Code);

    [Fact]
    public void A_damaged_or_missing_id_file_is_named()
    {
        string path = Path.Combine(device.Places.Config, "..", "x.safeid");
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "-----BEGIN SAFE ID-----\nAAAA\n-----END SAFE ID-----\n");
        Assert.Equal(FaultCodes.DamagedFile, Assert.Throws<FaultException>(() => Identities.Read(path)).Code);
        Assert.Equal(FaultCodes.Usage, Assert.Throws<FaultException>(() => Identities.Read(path + "x")).Code);
    }

    public void Dispose() => device.Dispose();
}
