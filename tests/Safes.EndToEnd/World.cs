using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>
/// The machines of the story, as network namespaces of this one: a server, two devices, and between them an internet that lets
/// through nothing but UDP to the server's public port.
/// </summary>
internal sealed class World(Options options)
{
    public const string Prefix = "safesdemo", Server = Prefix + "-server", Internet = Prefix + "-net";
    public const string ServerAddress = "192.0.2.2";
    public const int Port = 51820;

    private static readonly (string Name, string Address, string Router)[] Links =
        [(Server, ServerAddress, "192.0.2.1"), (DeviceOf("anna"), "198.51.100.2", "198.51.100.1"), (DeviceOf("bob"), "198.51.100.6", "198.51.100.5"),
            (DeviceOf("eve"), "198.51.100.10", "198.51.100.9")];

    public string Home => options.Home;

    /// <summary>What the server has on disks.</summary>
    public string Disks => Path.Combine(Home, "server");

    /// <summary>The file system for the volume.</summary>
    public string Storage => Path.Combine(Disks, "storage");

    public string StateRoot => Path.Combine(Disks, "state");

    public string RunRoot => Path.Combine(Home, "run");

    public string Volume => Path.Combine(Storage, "ledger.volume");

    public static string DeviceOf(string person) => $"{Prefix}-{person}";

    public static string Pin(string name) => $"/run/netns/{name}";

    public async Task MakeAsync()
    {
        foreach (string directory in (string[])[Home, Disks, StateRoot, Storage])
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        await Tool.RunAsync("ip", ["netns", "add", Internet]);
        int n = 0;
        foreach (var (name, address, router) in Links)
        {
            n++;
            await Tool.RunAsync("ip", ["netns", "add", name]);
            await Tool.RunAsync("ip", ["-batch", "-"], $"""
                link add sfd{n} netns {Internet} type veth peer name eth0 netns {name}
                """);
            await Tool.RunAsync("ip", ["-n", name, "-batch", "-"], $"""
                link set lo up
                addr add {address}/30 dev eth0
                link set eth0 up
                route add default via {router}
                """);
            await Tool.RunAsync("ip", ["-n", Internet, "-batch", "-"], $"""
                addr add {router}/30 dev sfd{n}
                link set sfd{n} up
                """);
        }

        await Tool.RunAsync("sysctl", ["-qw", "net.ipv4.ip_forward=1"], network: Pin(Internet));
        await Tool.RunAsync("nft", ["-f", "-"], $$"""
            table inet only {
              chain forward {
                type filter hook forward priority 0; policy drop;
                ip daddr {{ServerAddress}} udp dport {{Port}} accept
                ip saddr {{ServerAddress}} udp sport {{Port}} accept
              }
            }

            """, network: Pin(Internet));
    }

    /// <summary>Takes a device off the internet, as a train in a tunnel does, or puts it back. At the other end of its link: it keeps its routes.</summary>
    public static Task LinkAsync(string person, bool up) =>
        Tool.RunAsync("ip", ["-n", Internet, "link", "set", $"sfd{Array.FindIndex(Links, l => l.Name == DeviceOf(person)) + 1}", up ? "up" : "down"]);

    /// <summary>The namespaces as /proc names them, of those that there are.</summary>
    public static HashSet<string> Namespaces() =>
        [.. Links.Select(l => l.Name).Append(Internet).Select(n => Stat.Find(Pin(n), follow: true)).Where(s => s is not null).Select(s => $"net:[{s!.Value.Inode}]")];

    public static async Task RemoveAsync()
    {
        foreach (string name in (string[])[.. Links.Select(l => l.Name), Internet])
        {
            if (File.Exists(Pin(name)))
            {
                await Tool.TryAsync("ip", ["netns", "del", name]);
            }
        }
    }
}
