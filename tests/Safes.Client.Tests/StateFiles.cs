using System.Text;
using Safes.Client.Opening;
using Safes.Client.Profile;
using Safes.Client.Session;
using Safes.Client.Tests.Fake;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Fuzzing;

namespace Safes.Client.Tests;

/// <summary>What `safe` keeps on a device, damaged in any way: named as such, nothing of it changed, never a crash.</summary>
[Trait("fuzzes", "parsers")]
public sealed class StateFiles : IDisposable
{
    private const long Most = 64 << 20;

    private readonly TestDevice device = new();
    private readonly FakeSafe safe = new(new byte[32]);
    private readonly string directory;

    public StateFiles()
    {
        using var profile = device.Own(safe);
        directory = Path.Combine(device.Places.Config, "ledger");
        ClockWitness.Keep(profile);
    }

    [Theory]
    [InlineData("device.keys")]
    [InlineData("address")]
    [InlineData("roster")]
    [InlineData("known.json")]
    public void A_profile_with_a_damaged_file_is_refused_or_whole_and_left_as_it_is(string file)
    {
        string path = Path.Combine(directory, file);
        byte[] right = File.ReadAllBytes(path);
        Fuzz.Parser(Forms(file, right), bytes =>
        {
            File.WriteAllBytes(path, bytes);
            Load(bytes, right);
            Assert.Equal(bytes, File.ReadAllBytes(path));
        }, Most);
        File.WriteAllBytes(path, right);
        SafeProfile.Load(device.Places, "ledger").Dispose();
    }

    [Theory]
    [InlineData("device.keys")]
    [InlineData("address")]
    [InlineData("roster")]
    [InlineData("known.json")]
    public void So_is_one_where_it_is_missing_empty_or_something_else(string file)
    {
        string path = Path.Combine(directory, file);
        byte[] right = File.ReadAllBytes(path);
        File.Delete(path);
        Load([], right);
        File.WriteAllBytes(path, []);
        Load([], right);
        File.Delete(path);
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Load([], right);
        Directory.Delete(path);
        File.CreateSymbolicLink(path, "/dev/null");
        Load([], right);
    }

    [Fact]
    public void Keys_that_wait_for_their_address_are_kept_whatever_is_wrong_with_them()
    {
        var profiles = new Profiles(device.Places);
        Enrolment.Identities.Make(profiles, "anna", "laptop");
        string path = Path.Combine(device.Places.Config, ".pending", "device.keys");
        byte[] right = File.ReadAllBytes(path);
        Fuzz.Parser([right], bytes =>
        {
            File.WriteAllBytes(path, bytes);
            Refused(() => profiles.OpenPending().Dispose());
            Refused(() => Enrolment.Identities.Again(profiles));
            Refused(() => Enrolment.Identities.Make(profiles, "bob", "laptop"));
            Assert.Equal(bytes, File.ReadAllBytes(path));
        }, Most);
    }

    [Fact]
    public void How_a_session_ended_and_how_its_clock_stood_are_read_or_not_there()
    {
        using var profile = SafeProfile.Load(device.Places, "ledger");
        PrivateFile.Write(profile.EndedPath, Encoding.UTF8.GetBytes(
            """{"kind":"Ended","name":"lease","detail":"d","milliseconds":1,"code":"c","details":{"at":"2026-01-01T00:00:00Z"},"waits_for":"w","minor":true}"""));
        string clock = Path.Combine(profile.SessionDirectory, ClockWitness.FileName);
        Fuzz.Parser([File.ReadAllBytes(profile.EndedPath), Encoding.UTF8.GetBytes("""{"kind":"Ended","name":null,"detail":null,"details":null}""")], bytes =>
        {
            File.WriteAllBytes(profile.EndedPath, bytes);
            if (HeldSafe.LastEnd(profile) is { } end)
            {
                _ = EndWords.Of("ledger", end);
            }

            File.WriteAllBytes(clock, bytes);
            Assert.False(ClockWitness.IsTrusted(profile, synchronised: false));
        }, Most);
        File.SetUnixFileMode(profile.EndedPath, (UnixFileMode)0x1b6);
        Assert.Null(HeldSafe.LastEnd(profile));
    }

    [Fact]
    public void A_clock_that_agreed_with_the_server_s_is_trusted_until_it_is_set_or_the_device_boots()
    {
        using var profile = SafeProfile.Load(device.Places, "ledger");
        string clock = Path.Combine(profile.SessionDirectory, ClockWitness.FileName);
        Assert.True(ClockWitness.IsTrusted(profile, synchronised: false));
        string[] words = File.ReadAllText(clock).Split(' ');
        long kept = long.Parse(words[0], System.Globalization.CultureInfo.InvariantCulture);
        foreach (long off in (long[])[-3_600_000, 3_600_000, -31_536_000_000, long.MaxValue - kept])
        {
            File.WriteAllText(clock, $"{kept + off} {words[1]}");
            Assert.False(ClockWitness.IsTrusted(profile, synchronised: false));
            Assert.True(ClockWitness.IsTrusted(profile, synchronised: true));
        }

        File.WriteAllText(clock, $"{kept} {Guid.NewGuid()}");    // of another boot
        Assert.False(ClockWitness.IsTrusted(profile, synchronised: false));
        File.Delete(clock);
        Assert.False(ClockWitness.IsTrusted(profile, synchronised: false));
    }

    public void Dispose() => device.Dispose();

    private static byte[][] Forms(string file, byte[] right) => file != "known.json" ? [right] :
    [
        right, Encoding.UTF8.GetBytes("""{"entries":1,"head":"00","seen_unix":1}"""), Encoding.UTF8.GetBytes("""{"entries":1,"head":null,"seen_unix":1,"images":null}"""), Encoding.UTF8.GetBytes("""{"entries":1,"head":"00","seen_unix":9223372036854775807,"images":{"a":null}}"""),
    ];

    private void Load(byte[] bytes, byte[] right) => Refused(() =>
    {
        using var profile = SafeProfile.Load(device.Places, "ledger");
        // What is accepted can be worked with.
        Assert.Equal("ledger", profile.Name);
        _ = profile.Device;
        _ = profile.Known.Images.Values.Select(v => v.Length).Sum();
        _ = SafeOpening.LastSeen(profile);
        _ = profile.Tunnel;
        Assert.True(bytes.Length > 0 || right.Length == 0);
    });

    private static void Refused(Action read)
    {
        try
        {
            read();
        }
        catch (FaultException e) when (e.Code == FaultCodes.DamagedFile || e.Code == FaultCodes.OtherVersion || e.Code == FaultCodes.OtherSafe || e.Code == FaultCodes.IdExists ||
                                       e.Code == FaultCodes.UnsafePermissions)
        {
        }
    }
}
