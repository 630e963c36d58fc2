using System.CommandLine;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Enrolment;
using Safes.Client.Profile;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Linux;
using Safes.Roster;

namespace Safes.Cli.Commands;

internal static class VpnCommand
{
    public static Command Create() => new Command("vpn", "For people who make the tunnel with another program.") { Config() }.With("safe vpn config > safe.conf");

    private static Command Config()
    {
        var file = new Option<string?>("--address") { Description = "Before joining: the address file", HelpName = "FILE" };
        return new Command("config", "Print a configuration for wg-quick and the official WireGuard applications.") { file }.With("umask 077; safe vpn config > safe.conf").Does(run =>
        {
            if (run.Get(file) is { } path)
            {
                var address = Files.ReadAddress(path);
                using var keys = run.Profiles.OpenPending();
                if (keys.Device != address.Device)
                {
                    throw new FaultException(FaultCodes.OtherSafe, ("what", "that address"), ("why", "it was made for another device"));
                }

                Print(address, keys);
                return Task.CompletedTask;
            }

            using var profile = run.OpenProfile();
            Print(profile.Address, profile.Keys);
            return Task.CompletedTask;
        });
    }

    // It has the device's private key in it: from locked memory straight to the descriptor.
    private static void Print(AddressFile address, DeviceKeys keys)
    {
        using var text = WireGuardText.ForWgQuick(SafeProfile.TunnelOf(address), keys.WireGuard);
        using var bytes = text.Borrow();
        using var output = new SafeFileHandle(1, ownsHandle: false);
        Unistd.Write(output, bytes.Span);
    }
}
