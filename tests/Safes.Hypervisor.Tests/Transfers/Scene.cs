using Safes.Client.Connection;
using Safes.Client.Transfers;
using Safes.Contracts.V1;
using Safes.Hypervisor.Tests.Api;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Hypervisor.Transfers;
using Safes.Linux;
using Safes.Rules;
using Safes.Transfer;

namespace Safes.Hypervisor.Tests.Transfers;

/// <summary>The real calls on both ends, over real TLS on loopback, with a plain directory in place of the volume.</summary>
internal sealed class Scene : IAsyncDisposable
{
    private readonly DirectoryInfo place = Directory.CreateTempSubdirectory("safes-transfer-");

    private Scene() => Directory.CreateDirectory(Volume("share"));

    public LoopbackSafe Safe { get; private set; } = null!;

    public Link Link { get; private set; } = null!;

    public Server Server { get; private set; } = null!;

    public Opened Opened { get; private set; } = null!;

    /// <summary>What the volume says it has left.</summary>
    public long Free { get; set; } = 1L << 40;

    public DataOut DataOut { get; set; }

    public string Volume(string path) => Path.Combine(place.FullName, "volume", path);

    public string Share(string path) => Volume(Path.Combine("share", path));

    public string Device(string path)
    {
        Directory.CreateDirectory(Path.Combine(place.FullName, "device"));
        return Path.Combine(place.FullName, "device", path);
    }

    public static async Task<Scene> OpenAsync(Ledger? ledger = null)
    {
        var scene = new Scene();
        string volume = Path.Combine(scene.place.FullName, "volume");
        var room = new TransferRoom(() => Fcntl.Open(volume, Fcntl.ReadOnly | Fcntl.Directory), () => Task.FromResult((1L << 40, scene.Free)), _ => null, () => scene.DataOut);
        scene.Safe = await LoopbackSafe.StartAsync(ledger: ledger, transfers: room);
        scene.Safe.Work.Open();
        scene.Link = new Link(scene.Safe.EndPoint);
        scene.Opened = await scene.Safe.OpenAsync(scene.Safe.Connect(scene.Safe.Ledger.Anna), scene.Safe.Ledger.Anna);
        scene.Server = scene.Dial(scene.Safe.Ledger.Anna, scene.Link, scene.Opened);
        return scene;
    }

    /// <summary>Anna and bob own the safe, carl is a member.</summary>
    public static async Task<Scene> TeamAsync(DataOut mode)
    {
        var ledger = new Ledger();
        foreach (var (name, owner) in ((string, bool)[])[("bob", true), ("carl", false)])
        {
            var person = ledger.NewPerson(name);
            ledger.Add(ledger.Anna, person, owner);
            ledger.Join(person);
        }

        var scene = await OpenAsync(ledger);
        scene.DataOut = mode;
        return scene;
    }

    public Server Dial(Person person, Link link, Opened session)
    {
        var address = Safe.Ledger.Vault.AddressFor(person.Device);
        var server = new Server(address, person.Keys, async stop => await link.ConnectAsync(stop)) { InsidePin = session.InsidePin };
        server.Session = session.Session;
        return server;
    }

    /// <summary>Another member's device, with a session of its own.</summary>
    public async Task<Server> JoinAsync(Person person) => Dial(person, Link, await Safe.OpenAsync(Safe.Connect(person), person));

    /// <summary>As `safe put` does it.</summary>
    public async Task<TransferOutcome> PutAsync(string[] local, string target, bool replace = false, Server? by = null)
    {
        var stop = TestContext.Current.CancellationToken;
        var named = await Putting.AimAsync(by ?? Server, local, FilePath.Parse(target.TrimEnd('/')), target.EndsWith('/'), stop);
        var putting = new Putting(by ?? Server, named, replace);
        await putting.RunAsync(stop);
        return putting.Outcome;
    }

    /// <summary>As `safe get` does it.</summary>
    public async Task<TransferOutcome> GetAsync(string[] remote, string destination, bool replace = false, ulong request = 0, Server? by = null, bool look = false)
    {
        var getting = new Getting(by ?? Server, [.. remote.Select(r => FilePath.Parse(r))], destination, replace, request, look);
        await getting.RunAsync(TestContext.Current.CancellationToken);
        return getting.Outcome;
    }

    /// <summary>A file with data at these places (in KiB) and holes between; the same each time.</summary>
    public static void Sparse(string path, long length, params (long At, int Length)[] data)
    {
        using var file = Fcntl.Open(path, Fcntl.ReadWrite | Fcntl.Create | Fcntl.Truncate);
        RandomAccess.SetLength(file, length);
        var random = new Random(path.Length);
        foreach (var (at, count) in data)
        {
            byte[] bytes = new byte[count << 10];
            random.NextBytes(bytes);
            RandomAccess.Write(file, bytes.AsSpan(0, (int)Math.Min(bytes.Length, length - (at << 10))), at << 10);
        }
    }

    public static byte[] Random(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>What takes room of a file.</summary>
    public static long Allocated(string path) => Stat.Find(path)!.Value.AllocatedBytes;

    /// <summary>Everything below a directory, by name, hidden things too.</summary>
    public static string[] Names(string directory) =>
        [.. Directory.GetFileSystemEntries(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
            .Select(p => Path.GetRelativePath(directory, p)).Order(StringComparer.Ordinal)];

    public async ValueTask DisposeAsync()
    {
        Server.Dispose();
        await Safe.DisposeAsync();
        await Tool.RunAsync("rm", ["-rf", place.FullName]);    // .NET does not see names that are no text
    }
}
