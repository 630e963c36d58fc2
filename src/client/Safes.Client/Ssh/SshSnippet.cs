using System.Text;

namespace Safes.Client.Ssh;

/// <summary>A host as ssh needs to know it.</summary>
public sealed record SshHost(string Name, string Address);

/// <summary>
/// What plain OpenSSH is told about an open safe: whom to log in as, with which certificate, and whose signature a host key must
/// bear. Nobody trusts anything by hand, no agent is forwarded or asked, and a session outlives a closed safe (no keepalive kills it).
/// </summary>
/// <param name="Directory">Where the session's key, certificate and known hosts lie.</param>
public sealed record SshSnippet(string Zone, string Account, string Directory, IReadOnlyList<SshHost> Hosts)
{
    public string Key => Path.Combine(Directory, "id_ed25519");

    public string Certificate => Key + "-cert.pub";

    public string KnownHosts => Path.Combine(Directory, "known_hosts");

    public string FullName(SshHost host) => $"{host.Name}.{Zone}";

    /// <summary>Options for every host of the safe, as ssh_config and `ssh -o` spell them.</summary>
    public IReadOnlyList<(string Name, string Value)> Common =>
    [
        ("User", Account),
        ("IdentityFile", Quoted(Key)),
        ("CertificateFile", Quoted(Certificate)),
        ("IdentitiesOnly", "yes"),
        ("IdentityAgent", "none"),
        ("UserKnownHostsFile", Quoted(KnownHosts)),
        ("GlobalKnownHostsFile", "/dev/null"),
        ("StrictHostKeyChecking", "yes"),
        ("UpdateHostKeys", "no"),
        ("ForwardAgent", "no"),
        ("ForwardX11", "no"),
        ("TCPKeepAlive", "no"),
    ];

    /// <summary>What differs between hosts: the name that stands in the host's certificate, and its address.</summary>
    public IReadOnlyList<(string Name, string Value)> Of(SshHost host) => [("HostName", host.Address), ("HostKeyAlias", FullName(host))];

    public string KnownHostsLine(string hostAuthority) => $"@cert-authority *.{Zone} {SshNames.PublicKey(hostAuthority)}\n";

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var host in Hosts)
        {
            Block(text, FullName(host), Of(host));
        }

        Block(text, $"*.{Zone}", Common);
        return text.ToString();
    }

    private static void Block(StringBuilder text, string pattern, IReadOnlyList<(string Name, string Value)> options)
    {
        text.Append("Host ").Append(pattern).Append('\n');
        foreach (var (name, value) in options)
        {
            text.Append("    ").Append(name).Append(' ').Append(value).Append('\n');
        }

        text.Append('\n');
    }

    // ssh expands % in file names and splits at spaces.
    private static string Quoted(string path) => $"\"{path.Replace("%", "%%", StringComparison.Ordinal)}\"";
}
