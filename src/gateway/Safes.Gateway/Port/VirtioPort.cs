using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Gateway.Port;

/// <summary>A virtio-serial port, by the name that QEMU gave it; used as a file.</summary>
internal sealed class VirtioPort(SafeFileHandle file) : IGatewayPort
{
    private const string Ports = "/sys/class/virtio-ports";
    private static readonly TimeSpan FindLimit = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromMilliseconds(50), Away = TimeSpan.FromMilliseconds(200);

    public static async Task<VirtioPort> OpenAsync(string name)
    {
        // The port's device appears a moment after its driver.
        for (var end = BootClock.Now + FindLimit; BootClock.Now < end; await Task.Delay(Pause))
        {
            if (Directory.Exists(Ports) && Directory.EnumerateDirectories(Ports).FirstOrDefault(d => NameOf(d) == name) is { } found &&
                $"/dev/{Path.GetFileName(found)}" is var device && File.Exists(device))
            {
                return new VirtioPort(Fcntl.Open(device, Fcntl.ReadWrite));
            }
        }

        throw new IOException($"no virtio-serial port named {name}");
    }

    public int Read(Span<byte> into)
    {
        int n = Unistd.Read(file, into);
        if (n == 0)
        {
            // Nobody holds the other end, and the driver does not let one wait for that.
            Thread.Sleep(Away);
        }

        return n;
    }

    public void Write(ReadOnlySpan<byte> bytes) => Unistd.Write(file, bytes);

    private static string NameOf(string port) => File.Exists($"{port}/name") ? File.ReadAllText($"{port}/name").Trim() : "";
}
