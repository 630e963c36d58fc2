using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Vaults;
using Safes.Network;

namespace Safes.Hypervisor.Commands;

/// <summary>The other safes on this server, with which a safe shares nothing.</summary>
internal static class Neighbours
{
    private const int Draws = 1000;

    /// <summary>Users that none of them has.</summary>
    public static SafeUsers FreeUsers(SafePaths paths) => SafeUsers.Free([.. Of(paths).Select(p => Premises.Read(p).Users)]);

    /// <summary>A prefix that neither they nor the server's own links have.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.AddressesTaken"/>: none was found.</exception>
    public static async Task<SafeAddresses> FreeAddressesAsync(SafePaths paths, Func<SafeAddresses>? draw = null)
    {
        string why = "";
        for (int i = 0; i < Draws; i++)
        {
            var drawn = (draw ?? SafeAddresses.Random)();
            if (await OverlapAsync(paths, drawn).ConfigureAwait(false) is not { } overlap)
            {
                return drawn;
            }

            why = overlap;
        }

        throw new FaultException(FaultCodes.AddressesTaken, ("why", why));
    }

    /// <exception cref="FaultException"><see cref="FaultCodes.AddressesTaken"/>, or BadConfiguration: a neighbour has the same users.</exception>
    public static async Task CheckAsync(SafePaths paths, SafeConfiguration configuration, Premises premises)
    {
        if (await OverlapAsync(paths, SafeAddresses.Parse(configuration.Network)).ConfigureAwait(false) is { } overlap)
        {
            throw new FaultException(FaultCodes.AddressesTaken, ("why", overlap));
        }

        if (Of(paths).FirstOrDefault(p => Premises.Read(p).Users == premises.Users) is { } same)
        {
            throw new FaultException(FaultCodes.BadConfiguration, ("why", $"premises.json: first_user {premises.Users.First} is that of the safe '{same.Name}' too"));
        }
    }

    private static async Task<string?> OverlapAsync(SafePaths paths, SafeAddresses addresses) =>
        Of(paths).FirstOrDefault(p => ConfigurationOf(p).Network == addresses.Prefix) is { } safe ? $"{addresses.Prefix} is that of the safe '{safe.Name}'"
        : await SafeNetwork.FindOverlapAsync(addresses).ConfigureAwait(false);

    private static IEnumerable<SafePaths> Of(SafePaths paths) =>
        Roots.Safes(paths.StateRoot).Where(n => n != paths.Name).Select(n => paths with { Name = n }).Where(p => File.Exists(Premises.FileOf(p)));

    private static SafeConfiguration ConfigurationOf(SafePaths paths) => SafeConfiguration.Parse(File.ReadAllBytes(Path.Combine(paths.State, "config.json")));
}
