using System.Net.Sockets;
using Safes.Hypervisor.Gateway;
using Safes.Linux;
using Safes.Qemu;
using Safes.Vm.Tests.Gateway;

namespace Safes.Bench;

/// <summary>The least that is a gateway: the kernel of ours, its modules as far as WireGuard, busybox, wg and a shell script that knows everything at its start.</summary>
internal sealed class ScriptGateway(Child qemu) : IDisposable
{
    /// <summary>Takes our image apart and makes its own of what it needs.</summary>
    /// <returns>The directory with kernel and initrd.</returns>
    public static async Task<string> BuildAsync(GatewayScene scene, string directory)
    {
        string root = Directory.CreateDirectory(Path.Combine(directory, "root")).FullName;
        File.Copy(Path.Combine(scene.Options.Image, "vmlinuz"), Path.Combine(directory, "vmlinuz"));
        await File.WriteAllTextAsync(Path.Combine(directory, "init"), Init(scene));
        await File.WriteAllTextAsync(Path.Combine(directory, "wg.conf"), Tunnel(scene));
        await Tool.RunAsync("bash", ["-euo", "pipefail", "-c", $$"""
            cd {{root}}
            zstd -qdc {{scene.Options.Image}}/initrd.img | cpio --quiet -idm
            mkdir -p kept/lib64
            for file in $(ldd "$(PATH=$PATH:/usr/sbin:/sbin command -v wg)" | grep -o '/[^ ]*\.so[^ ]*'); do
                file=${file#/usr}
                install -D -m 755 ".$file" "kept$file"
            done
            mkdir kept/{dev,proc,sys,modules,bin}
            sed '/^wireguard/q' modules/list >kept/modules/list
            for module in $(cat kept/modules/list); do cp "modules/$module" kept/modules/; done
            cp bin/busybox bin/wg kept/bin/
            install -m 755 ../init kept/init
            cp ../wg.conf kept/
            cd kept
            find . | cpio --quiet -o -H newc -R 0:0 | zstd -q -15 >{{directory}}/initrd.img
            """]);
        return directory;
    }

    /// <summary>Returns when its script has come to the end.</summary>
    public static async Task<ScriptGateway> StartAsync(GatewayScene scene, string directory)
    {
        var options = scene.Options;
        string path = Path.Combine(directory, "port");
        File.Delete(path);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        using var ports = scene.Server.Network.OpenGatewayPorts();
        using var kernel = Fcntl.Open(Path.Combine(directory, "vmlinuz"), Fcntl.ReadOnly);
        using var initrd = Fcntl.Open(Path.Combine(directory, "initrd.img"), Fcntl.ReadOnly);
        var gateway = new ScriptGateway(Child.Start(QemuCommand.Start(
            options.Tools, GatewayProcess.Arguments(options), options.User, [listener.SafeHandle, ports.Uplink, ports.Control, ports.Inside, kernel, initrd],
            options.EmptyNamespacePin, Path.Combine(directory, "log"))));
        try
        {
            using var port = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await port.ConnectAsync(new UnixDomainSocketEndPoint(path));
            using var limit = new CancellationTokenSource(options.BootLimit);
            await port.ReceiveAsync(new byte[1], limit.Token);
            return gateway;
        }
        catch
        {
            await gateway.EndAsync();
            throw new InvalidOperationException($"the script's gateway did not come up: {await File.ReadAllTextAsync(Path.Combine(directory, "log"))}");
        }
    }

    public async Task EndAsync()
    {
        qemu.Kill();
        await qemu.Exited;
    }

    public void Dispose() => qemu.Dispose();

    private static string Init(GatewayScene scene) => $"""
        #!/bin/busybox sh
        B=/bin/busybox
        $B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev
        for module in $($B cat /modules/list); do $B insmod /modules/$module; done
        $B ip addr add {scene.Configuration.UplinkAddress} dev eth0; $B ip link set eth0 up; $B ip route add default via {scene.Configuration.UplinkRouter}
        $B ip addr add {scene.Configuration.InsideAddress} dev eth2; $B ip link set eth2 up
        $B ip link add wg0 type wireguard
        /bin/wg setconf wg0 /wg.conf
        $B ip addr add {scene.Configuration.TunnelAddress} dev wg0; $B ip link set wg0 up
        echo 1 >/proc/sys/net/ipv4/ip_forward
        while [ ! -c /dev/vport*p1 ]; do $B usleep 10000; done
        echo up >$(echo /dev/vport*p1)
        while :; do $B sleep 1000; done

        """;

    private static string Tunnel(GatewayScene scene) =>
        $"[Interface]\nPrivateKey = {scene.Configuration.PrivateKey.ToBase64()}\nListenPort = {scene.Configuration.ListenPort}\n" +
        string.Concat(scene.Configuration.Peers.Select(p => $"[Peer]\nPublicKey = {p.PublicKey.ToBase64()}\nAllowedIPs = {p.Address}/32\n"));
}
