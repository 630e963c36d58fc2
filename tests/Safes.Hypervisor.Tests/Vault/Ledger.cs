using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Hypervisor.Tests.Vaults;

/// <summary>A person with a device, as the client program would act for him. CK is drawn, not hashed: tests must be quick.</summary>
internal sealed class Person(string name) : IDisposable
{
    public DeviceKeys Keys { get; } = DeviceKeys.Generate(name, name + "-laptop");

    public DeviceId Device => Keys.Device;

    public SecretBuffer Ck { get; } = SecretBuffer.Random(32);

    public void Dispose()
    {
        Keys.Dispose();
        Ck.Dispose();
    }
}

/// <summary>A vault and the requests that members' devices make of it.</summary>
internal sealed class Ledger : IDisposable
{
    public const string Directory = "/var/lib/safes/ledger";

    private readonly List<IDisposable> wiped = [];

    private readonly string? realDirectory;

    /// <param name="realDirectory">Where on a real file system; null: in memory.</param>
    public Ledger(bool claimed = true, string? realDirectory = null)
    {
        this.realDirectory = realDirectory;
        Anna = NewPerson("anna");
        Vault = realDirectory is null
            ? Safes.Hypervisor.Vaults.Vault.Create(Directory, Configuration, Anna.Keys.CreateId(), Clock, Files, BootId)
            : Safes.Hypervisor.Vaults.Vault.Create(realDirectory, Configuration, Anna.Keys.CreateId());
        if (claimed)
        {
            Claim();
        }
    }

    public static SafeConfiguration Configuration { get; } = new()
    {
        Name = "ledger",
        Endpoint = "safe.example.org:51820",
        Volume = "/srv/volume",
        VolumeBytes = 64 << 20,
        Network = "10.77.16.0/20",
    };

    public MemoryFiles Files { get; private set; } = new();

    public ManualClock Clock { get; } = new();

    public string BootId { get; set; } = "boot-1";

    public Vault Vault { get; private set; }

    public Person Anna { get; }

    /// <summary>Everybody, in the order in which they appeared.</summary>
    public List<Person> People { get; } = [];

    /// <summary>What the volume's marker says, as the daemon would have written it.</summary>
    public byte[] Marker { get; private set; } = [];

    public byte[] VolumeKey { get; private set; } = [];

    public Person NewPerson(string name)
    {
        var person = new Person(name);
        wiped.Add(person);
        People.Add(person);
        return person;
    }

    public void Claim(Func<Task>? onVolume = null, Func<Genesis, byte[], Genesis>? change = null)
    {
        var key = Issue();
        using var seed = KemKeyPair.NewSeed();
        using var share = SecretBuffer.Random(32);
        var address = Vault.AddressFor(Anna.Device);
        var genesis = Genesis.Sign(Anna.Keys.Signing, Anna.Keys.Identity(seed), address.ServerPin, address.GatewayKey, address.Init, Reveal(key.ServerShare));
        genesis = change?.Invoke(genesis, Reveal(key.ServerShare)) ?? genesis;
        using var message = Join(Anna.Ck, seed, share);
        byte[] aad = OpenAad.Encode(Purpose.Claim, genesis.Safe, Anna.Device, TlsIdentity.Pin(Anna.Keys.Tls), address.ServerPin, key.PublicKey, [], 0, genesis.Bytes.Span);
        byte[] box = OneTimeSeal.Seal(key.PublicKey, message, aad);
        Vault.ClaimAsync(key, box, genesis.Bytes.ToArray(), async (keys, _) =>
        {
            (Marker, VolumeKey) = (keys.NewMarker(), Reveal(keys.VolumeKey));
            await (onVolume?.Invoke() ?? Task.CompletedTask);
        }, CancellationToken.None).GetAwaiter().GetResult();
    }

    public OpenedKeys Open(Person person, SecretBuffer? ck = null)
    {
        var key = Issue();
        var (head, generation) = (Vault.Roster!.Head, Vault.Generation);
        byte[] box = OneTimeSeal.Seal(key.PublicKey, ck ?? person.Ck, Aad(Purpose.Open, person, key, []));
        return Vault.Open(person.Device, key, box, head.Span, generation);
    }

    public void Opens(Person person)
    {
        using var opened = Open(person);
        Assert.Equal(VolumeKey, Reveal(opened.VolumeKey));
        Assert.NotEqual(MarkerCheck.Wrong, opened.CheckMarker(Marker));
    }

    public HeaderChange Add(Person by, Person who, bool owner = false, SecretBuffer? ck = null) => Change(
        by, AddMember.Sign(Vault.Roster!, by.Device, by.Keys.Signing, who.Keys.CreateId().Identity, owner), ck);

    public HeaderChange Remove(Person by, Person who, SecretBuffer? ck = null) =>
        Change(by, RemoveMember.Sign(Vault.Roster!, by.Device, by.Keys.Signing, who.Keys.Member), ck);

    public HeaderChange Change(Person by, RosterEntry entry, SecretBuffer? ck = null, byte[]? headAfter = null)
    {
        var key = Issue();
        byte[] head = headAfter ?? entry.Head.ToArray();
        byte[] box = OneTimeSeal.Seal(key.PublicKey, ck ?? by.Ck, Aad(Purpose.ChangeRoster, by, key, [.. entry.Bytes.Span, .. head]));
        return Vault.ChangeRoster(by.Device, key, box, entry.Bytes.ToArray(), head);
    }

    public HeaderChange Join(Person person, SecretBuffer? firstSeed = null)
    {
        var key = Issue();
        using var fresh = KemKeyPair.NewSeed();
        var entry = Rekey.Sign(Vault.Roster!, person.Device, person.Keys.Signing, KemKeyPair.PublicKey(fresh));
        using var message = Join(person.Ck, firstSeed ?? person.Keys.FirstSeed!, fresh);
        byte[] box = OneTimeSeal.Seal(key.PublicKey, message, Aad(Purpose.Join, person, key, entry.Bytes.Span));
        return Vault.Join(person.Device, key, box, entry.Bytes.ToArray());
    }

    public byte[] Aad(Purpose purpose, Person person, OneTimeKey key, ReadOnlySpan<byte> request) => OpenAad.Encode(
        purpose, Vault.Roster!.Safe, person.Device, TlsIdentity.Pin(person.Keys.Tls), Vault.ServerPin, key.PublicKey, Vault.Roster.Head.Span, Vault.Generation, request);

    public OneTimeKey Issue()
    {
        using var keys = new OneTimeKeys(Clock);
        byte[] pk = keys.Issue("c").PublicKey;
        return keys.Take("c", pk);
    }

    public void Restart(MemoryFiles? files = null)
    {
        Files = files ?? Files.Copy();
        Vault.Dispose();
        Vault = realDirectory is null
            ? Safes.Hypervisor.Vaults.Vault.Load(Directory, Clock, Files, BootId)
            : Safes.Hypervisor.Vaults.Vault.Load(realDirectory);
    }

    public static byte[] Reveal(SecretBuffer secret)
    {
        using var lease = secret.Borrow();
        return lease.Span.ToArray();
    }

    public void Dispose()
    {
        Vault.Dispose();
        wiped.ForEach(w => w.Dispose());
    }

    private static SecretBuffer Join(params SecretBuffer[] parts) => SecretBuffer.Take(parts.SelectMany(Reveal).ToArray());
}
