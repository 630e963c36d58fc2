namespace Safes.Tests;

/// <summary>A person's own `Host *` in which every option is one that, left to hold for a safe's hosts, keeps him from them.</summary>
internal static class HostileSsh
{
    public static IReadOnlyList<string> Options { get; } =
    [
        "User nobody", "Port 2222", "AddressFamily inet6", "BindAddress 192.0.2.1", "BindInterface none0",
        "ProxyJump bastion.example.org", "ProxyCommand false", "ProxyUseFdpass yes", "CanonicalizeHostname always", "CanonicalDomains example.org",
        "IdentityFile ~/.ssh/other", "IdentitiesOnly no", "IdentityAgent /nonexistent", "PKCS11Provider /nonexistent",
        "PubkeyAuthentication no", "PreferredAuthentications password", "PubkeyAcceptedAlgorithms rsa-sha2-512",
        "HostKeyAlgorithms ecdsa-sha2-nistp521", "CASignatureAlgorithms rsa-sha2-512", "HostKeyAlias other", "CheckHostIP yes", "VerifyHostKeyDNS yes",
        "StrictHostKeyChecking ask", "UserKnownHostsFile /dev/null", "GlobalKnownHostsFile /nonexistent", "RevokedHostKeys /nonexistent", "UpdateHostKeys yes",
        "KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes256-cbc", "MACs hmac-md5",
        "ControlMaster auto", "ControlPath /nonexistent/%C", "ControlPersist yes",
        "RemoteCommand false", "RequestTTY force", "Tunnel yes", "ExitOnForwardFailure yes", "ForwardAgent yes", "ForwardX11 yes",
        "ServerAliveInterval 15", "TCPKeepAlive yes",
    ];

    public static string Configuration { get; } = "Host *\n" + string.Concat(Options.Select(o => $"    {o}\n"));
}
