using System.Net;
using Microsoft.Win32.SafeHandles;
using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>Ports on a plain bridge in a network namespace of the test's own, with an address from which hosts are reached. Cut means: down.</summary>
internal sealed class TestPorts : IHostPorts, IAsyncDisposable
{
    private readonly string pin;

    private TestPorts(string pin) => this.pin = pin;

    public string Namespace => pin;

    public IPAddress Gateway => IPAddress.Parse("10.77.1.1");

    public static async Task<TestPorts> MakeAsync(string place)
    {
        string pin = Path.Combine(place, "net");
        await File.WriteAllTextAsync(pin, "");
        await Tool.RunAsync("unshare", [$"--net={pin}", "true"]);
        var ports = new TestPorts(pin);
        await ports.IpAsync("link set lo up\nlink add inside type bridge mcast_snooping 0\nlink set inside addrgenmode none up\naddr add 10.77.1.1/24 dev inside");
        return ports;
    }

    public string Mac(int number) => $"52:54:00:53:01:{number:x2}";

    public IPAddress Address(int number) => IPAddress.Parse($"10.77.1.{number}");

    public IPAddress Address6(int number) => IPAddress.Parse($"fd77:0:0:1::{number:x}");

    public async Task<SafeFileHandle> OpenAsync(int number)
    {
        var tap = Tun.OpenTap(pin, $"h{number}");
        await IpAsync($"link set h{number} addrgenmode none master inside");
        return tap;
    }

    public Task LetThroughAsync(int number, CancellationToken closing) => IpAsync($"link set h{number} up");

    public Task CutAsync(params IReadOnlyCollection<int> numbers) =>
        Tool.TryAsync("ip", ["-force", "-batch", "-"], string.Join('\n', numbers.Select(n => $"link set h{n} down")), pin);

    public Task ForgetAsync(int number) => Task.CompletedTask;

    /// <summary>How many ports there are.</summary>
    public async Task<int> CountAsync() =>
        (await Tool.RunAsync("ip", ["-o", "link", "show", "master", "inside"], network: pin)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;

    /// <summary>The ports as ip shows them.</summary>
    public Task<string> LookAsync() => Tool.RunAsync("ip", ["-o", "link", "show", "master", "inside"], network: pin);

    public async ValueTask DisposeAsync() => await Tool.TryAsync("umount", [pin]);

    private Task IpAsync(string commands) => Tool.RunAsync("ip", ["-batch", "-"], commands, pin);
}
