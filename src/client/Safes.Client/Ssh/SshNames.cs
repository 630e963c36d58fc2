using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Safes.Contracts;
using Safes.Roster;

namespace Safes.Client.Ssh;

/// <summary>
/// What a server says that goes into ssh's files must be exactly what such a thing can be: a name with a line end in it would
/// be a line of configuration.
/// </summary>
public static partial class SshNames
{
    public static string Account(string text) => AccountForm().IsMatch(text) ? text : throw Bad("an account's name");

    /// <summary>The zone of a safe's hosts is the safe's own name, as its address has it: whatever else a server said would take over names of others.</summary>
    public static string Zone(string text, string safe) => text == safe && SafeName.IsValid(safe) ? text : throw Bad("the name of the safe's own zone");

    public static bool IsHost(string text) => HostForm().IsMatch(text);

    /// <summary>A host as a server tells of it; null when it cannot be one of the safe's.</summary>
    public static SshHost? HostOf(string name, string address, IPNetwork hosts) => IsHost(name) && IsAddress(address, hosts) ? new SshHost(name, address) : null;

    /// <param name="text">What a server says is a host's address.</param>
    /// <param name="hosts">Where the safe's hosts are, <see cref="AddressFile.Hosts"/>.</param>
    public static bool IsAddress(string text, IPNetwork hosts) =>
        IPAddress.TryParse(text, out var parsed) && parsed.AddressFamily == AddressFamily.InterNetwork && parsed.ToString() == text && hosts.Contains(parsed);

    /// <summary>A public key's type and value without its comment.</summary>
    public static string PublicKey(string line) => KeyForm().Match(line.Trim()) is { Success: true } m ? m.Groups[1].Value : throw Bad("a public key");

    public static string Certificate(string line) => CertificateForm().Match(line.Trim()) is { Success: true } m ? m.Groups[1].Value : throw Bad("a certificate");

    private static FaultException Bad(string what) => new(FaultCodes.BadRequest, ("what", $"its answer is not {what}"));

    [GeneratedRegex(@"\A[a-z_][a-z0-9_-]{0,31}\z")]
    private static partial Regex AccountForm();

    [GeneratedRegex(@"\A[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\z")]
    private static partial Regex HostForm();

    [GeneratedRegex(@"\A(ssh-ed25519 [A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?\z")]
    private static partial Regex KeyForm();

    [GeneratedRegex(@"\A(ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?\z")]
    private static partial Regex CertificateForm();
}
