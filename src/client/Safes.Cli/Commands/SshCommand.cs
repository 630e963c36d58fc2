using System.Collections;
using System.CommandLine;
using Safes.Client.Connection;
using Safes.Client.Ssh;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;

namespace Safes.Cli.Commands;

internal static class SshCommand
{
    public static Command Create()
    {
        var host = new Argument<string>("HOST") { Description = "The host", CompletionSources = { Known.Hosts } };
        var rest = new Argument<string[]>("ARGS") { Description = "For ssh, after --", Arity = ArgumentArity.ZeroOrMore };
        return new Command("ssh", "Log in to a host, as plain `ssh HOST.SAFE` does.") { host, rest }.With("safe ssh desk", "safe ssh desk -- make -C src").Does(async run =>
        {
            using var profile = run.OpenProfile();
            using var held = await run.OpenHeldAsync(profile).ConfigureAwait(false);
            var status = await held.Server.Calls.CallAsync((c, o) => c.GetStatusAsync(new StatusRequest(), o), Server.CallLimit, run.Stop).ConfigureAwait(false);
            string name = run.Get(host)!;
            var found = status.Hosts.FirstOrDefault(h => h.Name == name || $"{h.Name}.{held.Zone}" == name) ?? throw new FaultException(FaultCodes.HostUnknown, ("host", name));
            if (!SshNames.IsHost(found.Name) || !SshNames.IsAddress(found.Address))
            {
                throw new FaultException(FaultCodes.HostFailed, ("host", found.Name), ("why", "it has no address"));
            }

            var target = new SshHost(found.Name, found.Address);
            var snippet = new SshSnippet(SshNames.Zone(held.Zone), SshNames.Account(held.Info["account"]), held.Info["directory"], [target]);
            if (!File.Exists(snippet.Certificate))
            {
                throw new FaultException(FaultCodes.NoShell);
            }

            string[] options = [.. snippet.Common.Concat(snippet.Of(target)).SelectMany(o => new[] { "-o", $"{o.Name}={o.Value}" })];
            Unistd.Execve(Find("ssh"), ["ssh", .. options, snippet.FullName(target), .. run.Get(rest) ?? []], CurrentEnvironment());
        });
    }

    private static string Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':').Where(Path.IsPathRooted).Select(d => Path.Combine(d, program)).FirstOrDefault(File.Exists)
        ?? throw new FaultException(FaultCodes.ToolMissing, ("tool", "openssh-client"));

    private static IEnumerable<KeyValuePair<string, string>> CurrentEnvironment() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? ""));
}
