using System.CommandLine;
using Safes.Contracts;
using Safes.Hypervisor.Gateway;
using Safes.Hypervisor.Vaults;
using Safes.Network;
using Safes.Volumes;

namespace Safes.Hypervisor.Commands;

/// <summary>`safed stop`: ends what runs for a closed safe. Nothing of the safe itself is touched.</summary>
internal static class StopCommand
{
    public static Command Create(IReadOnlyList<string> arguments)
    {
        var roots = new Roots(mustExist: true);
        var command = new Command(
            "stop",
            """
            Ends what runs for a safe that is closed and whose safed has been stopped: the gateway, the network, the namespaces.
            Keys, header and volume stay; `safed run` brings the rest back.

            Example:
              systemctl stop safed@ledger && safed stop
            """);
        roots.AddTo(command);
        command.SetAction((parsed, stop) => SafedCommand.GuardAsync(async () =>
        {
            SafedCommand.RequireRoot();
            var paths = roots.Of(parsed);
            if (PinnedMounts.IsInside(paths))
            {
                await EndInsideAsync(paths).ConfigureAwait(false);
                return 0;
            }

            using var mine = RunLock.Take(paths, null);
            using (var vault = Vault.Load(paths.State))
            {
                if (!new FscryptVolume(vault.Configuration.Volume, paths.MountPoint).Observe().IsClosed)
                {
                    throw new FaultException(FaultCodes.Closing, ("detail", "it is not closed; `safed seal` closes it"));
                }
            }

            int exit = await PinnedMounts.RunAsync(paths, arguments, stop).ConfigureAwait(false);
            await PinnedMounts.RemoveAsync(paths).ConfigureAwait(false);
            return exit;
        }));
        return command;
    }

    /// <summary>Gateway and network, whose pins are to be seen inside alone.</summary>
    internal static async Task EndInsideAsync(SafePaths paths)
    {
        if (File.Exists(Premises.FileOf(paths)))
        {
            var premises = Premises.Read(paths);
            await GatewayGuest.EndAsync(Premise.GatewayOf(paths, premises.GatewayImage, premises.Users, await ServerTools.LoadAsync().ConfigureAwait(false))).ConfigureAwait(false);
        }

        if (File.Exists(Path.Combine(paths.State, "config.json")))
        {
            using var vault = Vault.Load(paths.State);
            if (NetworkNamespace.Exists(paths.NetworkPin))
            {
                using var network = await SafeNetwork.CreateAsync(Premise.NetworkOf(paths, vault)).ConfigureAwait(false);
                await network.RemoveAsync().ConfigureAwait(false);
            }
        }

        await NetworkNamespace.RemoveAsync(paths.EmptyPin).ConfigureAwait(false);
    }
}
