using System.Globalization;
using System.Security.Cryptography;
using Safes.EndToEnd;
using Safes.Linux;
using Safes.Vm.Tests;
using Safes.Vm.Tests.Gateway;

namespace Safes.Bench;

/// <summary>A file into a safe and out of it by the programs as they are shipped, against sftp to a host of it from the same device through the same gateway.</summary>
internal static class PutAndGet
{
    private const int Mebibytes = 64;
    private const string Home = "/var/tmp/safes-bench", Host = "desk.ledger";

    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        var options = new Options(
            Safe: Path.Combine(Parts.Root, ".cache/publish/safe/safe"), Safed: Path.Combine(Parts.Root, "src/hypervisor/Safes.Hypervisor/bin/Release/net10.0/safed"),
            GatewayImage: await GatewayParts.ImageAsync(), WorkspaceImage: await Parts.ImageAsync(), Tools: Parts.ToolsDirectory, Source: "", Home: Home,
            Json: null, Clean: false, Keep: false, Thorough: false, Cuts: 0, PowerCuts: 0, Storage: false, Seed: 0);
        Stage.Silent = true;
        await Traces.RemoveAsync(Home);
        var world = new World(options);
        using var server = new Server(world, options);
        try
        {
            await world.MakeAsync();
            var anna = new Person(world, options, "anna", "correct horse battery staple");
            await anna.IdAsync("laptop");
            await server.InitAsync(anna, "8G");
            await server.RunAsync();
            await anna.DoAsync(["join", anna.At("ledger.safeaddress"), "--yes"], secret: true);
            await anna.DoAsync(["open", "ledger"], secret: true);
            await anna.DoAsync(["host", "add", "desk"]);
            return await CarryAsync(anna, runs);
        }
        finally
        {
            await server.StopAsync();
            await Traces.RemoveAsync(Home);
        }
    }

    private static async Task<IReadOnlyList<Measurement>> CarryAsync(Person anna, int runs)
    {
        string file = anna.At("file"), back = anna.At("back");
        await File.WriteAllBytesAsync(file, RandomNumberGenerator.GetBytes(Mebibytes << 20));
        List<double> put = [], get = [], sftpPut = [], sftpGet = [];
        for (int i = 0; i < runs; i++)
        {
            await anna.WorkAsync(Host, "sudo rm -rf /safe/put /safe/sftp; mkdir /safe/put /safe/sftp");
            put.Add(await SafeAsync(anna, "put", file, "/safe/put/"));
            sftpPut.Add(await SftpAsync(anna, $"put -f {file} /safe/sftp/file"));
            // What a host wrote it would not read again.
            await anna.WorkAsync(Host, "sync; echo 3 | sudo tee /proc/sys/vm/drop_caches");
            get.Add(await SafeAsync(anna, "get", "/safe/put/file", back));
            Same(file, back);
            sftpGet.Add(await SftpAsync(anna, $"get -f /safe/sftp/file {back}"));
            Same(file, back);
        }

        const string Sftp = "sftp to and from a host's /safe, without its login";
        return
        [
            Measurement.AtLeast("put", $"`safe put` of {Mebibytes} MiB through the gateway, durable, the whole command", "MB/s", put, Sftp, sftpPut, 0.9),
            Measurement.AtLeast("put get", $"`safe get` of {Mebibytes} MiB, durable, the whole command", "MB/s", get, Sftp, sftpGet, 0.9),
        ];
    }

    private static async Task<double> SafeAsync(Person anna, params string[] arguments)
    {
        var start = BootClock.Now;
        await anna.DoAsync(arguments);
        return Rate(BootClock.Now - start);
    }

    // sftp runs what begins with ! here: so its clock stands before and after the file alone.
    private static async Task<double> SftpAsync(Person anna, string command)
    {
        const string Now = "!date +%s%N\n";
        long[] seen = [.. (await anna.SftpAsync(Host, $"{Now}{command}\n{Now}")).Split('\n').Where(l => l.Length > 0 && l.All(char.IsAsciiDigit)).Select(l => long.Parse(l, CultureInfo.InvariantCulture))];
        return Rate(TimeSpan.FromMicroseconds((seen[1] - seen[0]) / 1000.0));
    }

    private static double Rate(TimeSpan took) => (Mebibytes << 20) / took.TotalSeconds / 1e6;

    private static void Same(string file, string back)
    {
        Assert.True(File.ReadAllBytes(file).AsSpan().SequenceEqual(File.ReadAllBytes(back)), "what came back is not what went");
        File.Delete(back);
    }
}
