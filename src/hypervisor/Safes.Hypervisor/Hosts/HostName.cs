using System.Text.RegularExpressions;
using Safes.Contracts;

namespace Safes.Hypervisor.Hosts;

/// <summary>What a host may be called. Names become directories, DNS labels, arguments and shell words: nothing that could be anything else gets in.</summary>
public static partial class HostName
{
    private static readonly string[] Reserved = [HostDefinition.ProxyName, "gateway", "hypervisor", "localhost", "safe", "safed", "share", "images"];

    [GeneratedRegex("^[a-z][a-z0-9-]{0,29}[a-z0-9]$|^[a-z]$", RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    [GeneratedRegex("^[a-z_][a-z0-9_-]{0,30}$", RegexOptions.CultureInvariant)]
    private static partial Regex AccountForm();

    /// <exception cref="FaultException">HostName.</exception>
    public static void Check(string name)
    {
        if (!Form().IsMatch(name) || name.EndsWith('\n'))
        {
            throw new FaultException(FaultCodes.HostName, ("name", name), ("why", "1 to 31 of a-z, 0-9 and -, a letter first, no - at the end"));
        }

        if (Reserved.Contains(name))
        {
            throw new FaultException(FaultCodes.HostName, ("name", name), ("why", "that name is taken by the safe itself"));
        }
    }

    internal static bool IsValid(string name) => Form().IsMatch(name) && !name.EndsWith('\n');

    /// <summary>An account's name as Debian takes it, and not one of the system's own (those have uids below 1000).</summary>
    internal static bool IsAccount(MemberAccount account) =>
        AccountForm().IsMatch(account.Name) && !account.Name.EndsWith('\n') && account.Name is not ("root" or "nobody" or "sshd") && account.User is >= 3001 and < 4000;
}
