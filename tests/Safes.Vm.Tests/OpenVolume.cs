using Safes.Secrets;
using Safes.Volumes;

namespace Safes.Vm.Tests;

/// <summary>A real encrypted volume of its own for one test, open; everything is taken away at the end.</summary>
internal sealed class OpenVolume : IAsyncDisposable
{
    private readonly SecretBuffer secret = SecretBuffer.Random(FscryptVolume.KeyLength);
    private readonly VolumeIdentity identity;
    private KeyIdentifier key;

    private OpenVolume(string place, FscryptVolume volume, VolumeIdentity identity)
    {
        Place = place;
        Volume = volume;
        this.identity = identity;
    }

    /// <summary>A directory outside the volume.</summary>
    public string Place { get; }

    public FscryptVolume Volume { get; }

    /// <summary>The volume's key, for who opens it by hand.</summary>
    public SecretBuffer Key64 => secret;

    public string Safe => Volume.Root.Path;

    public static async Task<OpenVolume> MakeAsync(long bytes)
    {
        Parts.NeedRoot();
        string place = Directory.CreateTempSubdirectory("safes-vm-").FullName;
        var volume = new FscryptVolume(Path.Combine(place, "volume"), Path.Combine(place, "mnt"));
        var open = new OpenVolume(place, volume, await volume.CreateAsync(bytes));
        await volume.AttachAsync(open.identity);
        open.key = volume.Unlock(open.secret);
        volume.InitialiseLayout(open.key);
        return open;
    }

    public string At(string relative) => Path.Combine(Safe, relative);

    public async Task LockAsync()
    {
        var outcome = await Volume.LockAsync();
        Assert.True(outcome is LockOutcome.Absent, outcome is LockOutcome.Busy busy ? string.Join("; ", busy.Holders) : $"{outcome}");
    }

    public async Task ReopenAsync()
    {
        await Volume.AttachAsync(identity);
        Volume.Unlock(secret, key);
        Volume.CheckPolicy(key);
    }

    public async ValueTask DisposeAsync()
    {
        await LockAsync();
        secret.Dispose();
        Directory.Delete(Place, recursive: true);
    }
}
