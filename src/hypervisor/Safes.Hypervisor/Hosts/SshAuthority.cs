namespace Safes.Hypervisor.Hosts;

/// <summary>The two certificate authorities of a safe, on its volume: one signs members' keys for minutes, one signs hosts' keys.</summary>
public sealed class SshAuthority
{
    /// <summary>Opens the authorities in this directory, or makes them.</summary>
    public static Task<SshAuthority> OpenAsync(string directory) => throw new NotImplementedException();

    /// <summary>The public key line of the authority for users.</summary>
    public string UserAuthority => throw new NotImplementedException();

    /// <summary>The public key line of the authority for hosts, for members' @cert-authority.</summary>
    public string HostAuthority => throw new NotImplementedException();

    /// <summary>A certificate line for a session's key.</summary>
    /// <exception cref="Safes.Contracts.FaultException">BadRequest: not an ed25519 public key.</exception>
    public Task<string> SignUserAsync(string publicKey, string account, string identity, TimeSpan validity) => throw new NotImplementedException();

    /// <summary>A certificate line for a host's key, for its own names only.</summary>
    public Task<string> SignHostAsync(string publicKey, string name, string zone) => throw new NotImplementedException();
}
