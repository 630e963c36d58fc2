using Safes.Hypervisor.Gateway;
using Safes.Linux;
using Safes.Vm.Tests.Gateway;

namespace Safes.Bench;

/// <summary>From the gateway's start to the first handshake of a device, against a gateway of a shell script on the same virtual hardware.</summary>
internal static class GatewayBoot
{
    public static async Task<IReadOnlyList<Measurement>> RunAsync(int runs)
    {
        await using var scene = await GatewayScene.MakeAsync();
        await scene.Guest.StopAsync();
        string script = await ScriptGateway.BuildAsync(scene, scene.Server.At("script"));
        List<TimeSpan> ours = [], scripts = [];
        for (int i = 0; i < runs; i++)
        {
            var start = BootClock.Now;
            await using (var guest = await GatewayGuest.StartAsync(scene.Options, scene.Server.Network, scene.Configuration, default))
            {
                await scene.Anna.ShakeHandsAsync();
                ours.Add(BootClock.Now - start);
                await guest.StopAsync();
            }

            start = BootClock.Now;
            using (var gateway = await ScriptGateway.StartAsync(scene, script))
            {
                await scene.Anna.ShakeHandsAsync();
                scripts.Add(BootClock.Now - start);
                await gateway.EndAsync();
            }
        }

        return
        [
            Measurement.Against("gateway-boot", "from the gateway's start to a device's handshake with it", ours, "a shell script of busybox and wg that makes the same tunnel, without rules, on the same kernel", scripts, 1.5),
        ];
    }
}
