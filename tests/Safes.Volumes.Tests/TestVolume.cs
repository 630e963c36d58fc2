using Safes.Linux;
using Safes.Secrets;

namespace Safes.Volumes.Tests;

/// <summary>A volume of its own for one test, with everything it made taken away at the end.</summary>
internal sealed class TestVolume : IAsyncDisposable
{
    public const long Size = 64 << 20;

    private TestVolume(string place, string on)
    {
        Place = place;
        Volume = new FscryptVolume(Path.Combine(on, "volume"), Path.Combine(place, "mnt"));
    }

    public string Place { get; }

    public FscryptVolume Volume { get; }

    public VolumeIdentity Identity { get; private set; } = null!;

    public KeyIdentifier Key { get; private set; }

    public SecretBuffer Secret { get; } = SecretBuffer.Random(FscryptVolume.KeyLength);

    public string Safe => Volume.Root.Path;

    /// <summary>Skips on a desk without root, fails in CI.</summary>
    public static void NeedRoot()
    {
        bool root = Unistd.EffectiveUser == 0;
        Assert.False(!root && Environment.GetEnvironmentVariable("CI") == "true", "needs root");
        Assert.SkipUnless(root, "needs root: loop devices, mounts and keys");
    }

    /// <summary>A file with its file system, not attached.</summary>
    /// <param name="on">The directory of the file; null: one of its own.</param>
    public static async Task<TestVolume> MadeAsync(string? on = null)
    {
        NeedRoot();
        string place = Directory.CreateTempSubdirectory("safes-volume-").FullName;
        var volume = new TestVolume(place, on ?? place);
        volume.Identity = await volume.Volume.CreateAsync(Size);
        return volume;
    }

    /// <summary>Attached, unlocked, laid out.</summary>
    public static async Task<TestVolume> OpenAsync(string? on = null)
    {
        var volume = await MadeAsync(on);
        await volume.OpenFirstAsync();
        return volume;
    }

    /// <summary>What <see cref="OpenAsync"/> does with one that is <see cref="MadeAsync">made</see>.</summary>
    public async Task OpenFirstAsync()
    {
        await Volume.AttachAsync(Identity);
        Key = Volume.Unlock(Secret);
        Volume.InitialiseLayout(Key);
    }

    /// <summary>Opens it again as the daemon does.</summary>
    public async Task ReopenAsync()
    {
        await Volume.AttachAsync(Identity);
        Volume.Unlock(Secret, Key);
        Volume.CheckPolicy(Key);
    }

    public async Task LockAsync() => Assert.IsType<LockOutcome.Absent>(await Volume.LockAsync());

    public async ValueTask DisposeAsync()
    {
        var outcome = await Volume.LockAsync();
        Secret.Dispose();
        Assert.True(outcome is LockOutcome.Absent, $"left behind: {Describe(outcome)}");
        Directory.Delete(Place, recursive: true);
    }

    public static string Describe(LockOutcome outcome) => outcome is LockOutcome.Busy busy ? string.Join("; ", busy.Holders) : $"{outcome}";
}
