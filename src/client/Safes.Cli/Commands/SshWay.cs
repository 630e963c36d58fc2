using System.Collections;
using Safes.Client.Connection;
using Safes.Client.Session;
using Safes.Client.Ssh;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;

namespace Safes.Cli.Commands;

/// <summary>How plain ssh gets to a host: the options it needs, and the name to log in to. It reads nobody's configuration.</summary>
/// <param name="Hints">What may keep her from logging in, or lose something to who is logged in, as the server says it.</param>
internal sealed record SshWay(IReadOnlyList<string> Options, string Target, IReadOnlyList<string> Hints)
{
    /// <param name="name">HOST or HOST.SAFE.</param>
    /// <exception cref="FaultException">host-unknown, host-failed, no-shell.</exception>
    public static async Task<SshWay> FindAsync(HeldSafe held, string name, CancellationToken stop)
    {
        var status = await held.Server.Inside.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest { Share = true }, o), Server.CallLimit, stop).ConfigureAwait(false);
        var found = status.Hosts.FirstOrDefault(h => h.Name == name || $"{h.Name}.{held.Zone}" == name) ?? throw new FaultException(FaultCodes.HostUnknown, ("host", name));
        var target = SshNames.HostOf(found.Name, found.Address, held.Profile.Address.Hosts)
            ?? throw new FaultException(FaultCodes.HostFailed, ("host", found.Name), ("why", "it has no address"));
        var snippet = new SshSnippet(SshNames.Zone(held.Zone, held.Profile.Name), SshNames.Account(held.Info["account"]), held.Info["directory"], [target]);
        if (!File.Exists(snippet.Certificate))
        {
            throw new FaultException(FaultCodes.NoShell);
        }

        return new SshWay(["-F", "none", "-o", "SendEnv=LANG LC_*", .. snippet.Common.Concat(snippet.Of(target)).SelectMany(o => new[] { "-o", $"{o.Name}={o.Value}" })], snippet.FullName(target), [.. HintsOf(found, status.Share)]);
    }

    private static IEnumerable<string> HintsOf(Host host, IEnumerable<ShareTrouble> share) =>
        (host.Note.Length > 0 ? [$"{host.Name}: {host.Note}"] : Array.Empty<string>()).Concat(share.Where(t => t.Contended && t.Hosts.Contains(host.Name)).Select(t => t.Text));

    /// <summary>This process goes on as ssh; it does not return.</summary>
    /// <param name="before">Options of this call. They stand first, since ssh takes the first value that it is given.</param>
    /// <param name="after">The command, where there is one.</param>
    public void Become(IEnumerable<string> before, params IEnumerable<string> after) =>
        Unistd.Execve(Find("ssh"), ["ssh", .. before, .. Options, Target, .. after], CurrentEnvironment());

    private static string Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':').Where(Path.IsPathRooted).Select(d => Path.Combine(d, program)).FirstOrDefault(File.Exists)
        ?? throw new FaultException(FaultCodes.ToolMissing, ("tool", "openssh-client"));

    private static IEnumerable<KeyValuePair<string, string>> CurrentEnvironment() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? ""));
}
