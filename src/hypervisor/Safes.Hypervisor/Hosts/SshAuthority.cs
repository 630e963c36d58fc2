using System.Globalization;
using System.Text.RegularExpressions;
using Safes.Contracts;
using Safes.Linux;
using Safes.Volumes;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// The two certificate authorities of a safe, on its volume: one signs members' keys for minutes, the other hosts' keys. What is to be
/// signed comes from others and is checked to be one ed25519 key and nothing else.
/// </summary>
public sealed partial class SshAuthority
{
    private const string UserKey = "user_ca", HostKey = "host_ca";

    /// <summary>Clocks may differ by this much.</summary>
    private const string Backdated = "-5m";

    private static readonly TimeSpan HostValidity = TimeSpan.FromDays(30);

    private readonly VolumeDirectory directory;
    private readonly string scratch;
    private long serial = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private SshAuthority(VolumeDirectory directory, string scratch)
    {
        this.directory = directory;
        this.scratch = scratch;
        UserAuthority = PublicKeyOf(UserKey);
        HostAuthority = PublicKeyOf(HostKey);
    }

    /// <summary>The public key line of the authority for users.</summary>
    public string UserAuthority { get; }

    /// <summary>The public key line of the authority for hosts, for members' @cert-authority.</summary>
    public string HostAuthority { get; }

    [GeneratedRegex("^ssh-ed25519 (AAAAC3NzaC1lZDI1NTE5AAAAI[A-P][A-Za-z0-9+/]{42})( [ -~]{0,100})?$", RegexOptions.CultureInvariant)]
    private static partial Regex Ed25519Line();

    /// <summary>Opens the authorities in the volume's directory `ssh`, or makes them.</summary>
    /// <param name="scratch">
    /// A directory of root's outside the volume. Public keys and certificates pass through it: on a full volume members must still get in,
    /// or nobody could tidy up.
    /// </param>
    public static async Task<SshAuthority> OpenAsync(VolumeDirectory directory, string scratch)
    {
        Directory.CreateDirectory(scratch, (UnixFileMode)0x1c0);
        foreach (string key in (string[])[UserKey, HostKey])
        {
            if (!directory.Exists($"{key}.pub"))
            {
                // A crash between the two files leaves half a pair: the public half comes last, so this pair was never used.
                directory.RemoveFile(key);
                await Tool.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", directory.PathOf(key)]).ConfigureAwait(false);
                foreach (string file in (string[])[key, $"{key}.pub"])
                {
                    using var written = directory.OpenFile(file);
                    Fcntl.Sync(written, file);
                }

                Fcntl.SyncDirectory(directory.Path);
            }
        }

        return new SshAuthority(directory, scratch);
    }

    /// <summary>The one form in which a public key is taken from a guest or a device: type and base64, no comment.</summary>
    /// <exception cref="FaultException">BadRequest: not one ed25519 public key.</exception>
    public static string Checked(string publicKey) => Ed25519Line().Match(publicKey.TrimEnd('\n')) is { Success: true } match
        ? $"ssh-ed25519 {match.Groups[1].Value}"
        : throw new FaultException(FaultCodes.BadRequest, ("what", "not an ed25519 public key of one line"));

    /// <summary>A certificate line for a session's key, for this account alone.</summary>
    /// <param name="identity">Who it is, for the hosts' logs.</param>
    /// <exception cref="FaultException">BadRequest.</exception>
    public Task<string> SignUserAsync(string publicKey, string account, string identity, TimeSpan validity) =>
        SignAsync(UserKey, publicKey, ["-I", identity, "-n", account, "-O", "no-agent-forwarding", "-O", "no-x11-forwarding"], validity);

    /// <summary>A certificate line for a host's key, for its own names only.</summary>
    /// <exception cref="FaultException">BadRequest: the guest gave something else than a key.</exception>
    public Task<string> SignHostAsync(string publicKey, string name, string zone) =>
        SignAsync(HostKey, publicKey, ["-h", "-I", $"{name}.{zone}", "-n", $"{name}.{zone}"], HostValidity);

    private async Task<string> SignAsync(string authority, string publicKey, string[] what, TimeSpan validity)
    {
        string key = Checked(publicKey);
        string number = Interlocked.Increment(ref serial).ToString(CultureInfo.InvariantCulture);
        string file = Path.Combine(scratch, $"signing-{number}.pub"), made = Path.Combine(scratch, $"signing-{number}-cert.pub");
        try
        {
            await File.WriteAllTextAsync(file, key + "\n").ConfigureAwait(false);
            string seconds = ((long)validity.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            await Tool.RunAsync(
                "ssh-keygen", ["-q", "-s", directory.PathOf(authority), .. what, "-V", $"{Backdated}:+{seconds}s", "-z", number, file],
                limit: TimeSpan.FromSeconds(10)).ConfigureAwait(false);
            return (await File.ReadAllTextAsync(made).ConfigureAwait(false)).Trim();
        }
        finally
        {
            File.Delete(file);
            File.Delete(made);
        }
    }

    private string PublicKeyOf(string key) => Checked(System.Text.Encoding.ASCII.GetString(directory.ReadFile($"{key}.pub", 4096)!));
}
