using System.Text;

namespace Safes.Client.Ssh;

/// <summary>A host as ssh needs to know it.</summary>
public sealed record SshHost(string Name, string Address);

/// <summary>
/// What plain OpenSSH is told about an open safe: whom to log in as, with which certificate, and whose signature a host key must
/// bear. Nobody trusts anything by hand, no agent is forwarded or asked, and a session outlives a closed safe (no keepalive kills it). It
/// holds whatever the person's own configuration says of all hosts, see ssh_config(5).
/// </summary>
/// <param name="Directory">Where the session's key, certificate and known hosts lie.</param>
public sealed record SshSnippet(string Zone, string Account, string Directory, IReadOnlyList<SshHost> Hosts)
{
    public string Key => Path.Combine(Directory, "id_ed25519");

    public string Certificate => Key + "-cert.pub";

    public string KnownHosts => Path.Combine(Directory, "known_hosts");

    public string FullName(SshHost host) => $"{host.Name}.{Zone}";

    /// <summary>Options for every host of the safe, as ssh_config and `ssh -o` spell them: all that a call needs which reads no configuration.</summary>
    public IReadOnlyList<(string Name, string Value)> Common =>
    [
        ("User", Account),
        ("IdentityFile", Quoted(Key)),
        ("CertificateFile", Quoted(Certificate)),
        ("IdentitiesOnly", "yes"),
        ("IdentityAgent", "none"),
        ("PreferredAuthentications", "publickey"),
        ("UserKnownHostsFile", Quoted(KnownHosts)),
        ("GlobalKnownHostsFile", "/dev/null"),
        ("HostKeyAlgorithms", "ssh-ed25519-cert-v01@openssh.com"),
        ("StrictHostKeyChecking", "yes"),
        ("UpdateHostKeys", "no"),
        ("ForwardAgent", "no"),
        ("ForwardX11", "no"),
        ("ServerAliveInterval", "0"),
        ("TCPKeepAlive", "no"),
    ];

    /// <summary>
    /// What a person's own `Host *` may say of all hosts and what would keep him from these: ssh takes the first value that it reads, and it
    /// reads this first. Only options that every OpenSSH since 8.0 knows stand here, since one unknown word ends every ssh of that person.
    /// </summary>
    /// <remarks>
    /// `+` with what is among the defaults means the defaults of whatever OpenSSH this is. BindAddress of all zeros means none, and makes
    /// BindInterface count for nothing. Where the key's own type is not accepted, ssh does not find the private key of a certificate. A connection that several share (ControlPath) would be one from before a cold start.
    /// </remarks>
    private static IReadOnlyList<(string Name, string Value)> Pinned { get; } =
    [
        ("Port", "22"),
        ("AddressFamily", "inet"),
        ("BindAddress", "0.0.0.0"),
        ("ProxyJump", "none"),
        ("ProxyCommand", "none"),
        ("ProxyUseFdpass", "no"),
        ("CanonicalizeHostname", "no"),
        ("CheckHostIP", "no"),
        ("VerifyHostKeyDNS", "no"),
        ("RevokedHostKeys", "none"),
        ("CASignatureAlgorithms", "ssh-ed25519"),
        ("PubkeyAcceptedKeyTypes", "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519"),
        ("PubkeyAuthentication", "yes"),
        ("PKCS11Provider", "none"),
        ("KexAlgorithms", "+curve25519-sha256"),
        ("Ciphers", "+aes256-ctr"),
        ("MACs", "+hmac-sha2-256"),
        ("ControlMaster", "no"),
        ("ControlPath", "none"),
        ("ControlPersist", "no"),
        ("RemoteCommand", "none"),
        ("RequestTTY", "auto"),
        ("Tunnel", "no"),
        ("ExitOnForwardFailure", "no"),
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

        Block(text, $"*.{Zone}", [.. Common, .. Pinned]);
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
