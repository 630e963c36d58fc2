using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Vaults;
using Safes.Hypervisor.Ways;
using Safes.Volumes;

namespace Safes.Hypervisor.Commands;

/// <summary>`safed status`: the state, and what the kernel says about it, looked up now.</summary>
internal static class StatusCommand
{
    private static readonly TimeSpan FactsLimit = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        var roots = new Roots(mustExist: true);
        var json = new Option<bool>("--json") { Description = "The same as JSON, for programs." };
        var command = new Command(
            "status",
            """
            Says in which state the safe is, who holds it open, and what the kernel says about its key, mounts and processes.

            Example:
              safed status
            """)
        { json };
        roots.AddTo(command);
        command.SetAction((parsed, _) => SafedCommand.GuardAsync(async () =>
        {
            SafedCommand.RequireRoot();
            var reply = await LookAsync(roots.Of(parsed)).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(StatusJson.Of(reply), StatusJsonContext.Default.StatusJson));
            }
            else
            {
                Show(reply, Console.Out);
            }

            return 0;
        }));
        return command;
    }

    /// <summary>What safed says; where it does not run, what the kernel says.</summary>
    private static async Task<StateReply> LookAsync(SafePaths paths)
    {
        try
        {
            return await LocalClient.AskAsync(paths, c => c.GetStateAsync(new StateRequest(), deadline: DateTime.UtcNow.AddSeconds(15)).ResponseAsync).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Code == FaultCodes.NotRunning)
        {
            using var vault = Vault.Load(paths.State);
            var reply = new StateReply
            {
                Name = paths.Name,
                Gateway = "not asked",
                Guardian = "not asked",
                Detail = $"safed does not run: {e.Details.GetValueOrDefault("detail", "no process answers")}",
            };
            try
            {
                var volume = new FscryptVolume(vault.Configuration.Volume, paths.MountPoint);
                reply.Facts.AddRange(await Task.Run(() => LocalApi.Facts(volume, paths).ToList()).WaitAsync(FactsLimit).ConfigureAwait(false));
                reply.State = reply.Facts.All(f => f.Safe) ? vault.IsClaimed ? State.Closed : State.Unclaimed : State.Unknown;
            }
            catch (TimeoutException)
            {
                (reply.State, reply.Detail) = (State.Unknown, $"{reply.Detail}; the kernel waits for the storage and says nothing of the volume");
            }

            reply.Facts.Add(await NetworkWords.FactWithoutWatchAsync(vault.Configuration.Network).ConfigureAwait(false));
            return reply;
        }
    }

    internal static void Show(StateReply reply, TextWriter to)
    {
        string since = reply.SinceUnix == 0 ? "" : $" since {DateTimeOffset.FromUnixTimeSeconds(reply.SinceUnix).LocalDateTime:dd MMM HH:mm}";
        string held = reply.Holders.Count == 0 ? "" : $"     held by {string.Join(", ", reply.Holders.Select(h => $"{Printable.Line(h.Member)} ({Printable.Line(h.Device)})"))}";
        to.WriteLine($"{Printable.Line(reply.Name)}    {StatusJson.Word(reply.State)}{since}{held}");
        if (reply.Detail.Length > 0)
        {
            to.WriteLine($"  {Printable.Line(reply.Detail)}");
        }

        foreach (var host in reply.Hosts)
        {
            to.WriteLine($"  {$"host {host.Number}",-12} {Printable.Line(host.State),-10} {host.Cpus} cpus  {host.MemoryBytes >> 20} MiB");
        }

        foreach (var fact in reply.Facts)
        {
            to.WriteLine($"  {(fact.Safe ? "✓" : "!")} {Printable.Line(fact.Name),-16} {Printable.Line(fact.Value)}");
        }

        to.WriteLine($"    {"gateway",-16} {Printable.Line(reply.Gateway)}");
        to.WriteLine($"    {"guardian",-16} {Printable.Line(reply.Guardian)}");
        to.WriteLine($"    {"inside",-16} {Printable.Line(reply.Inside)}");
    }
}

/// <summary>What --json prints.</summary>
internal sealed record StatusJson(
    string Name, string State, long SinceUnix, string Detail, IReadOnlyList<StatusJson.HolderJson> Holders, IReadOnlyList<StatusJson.HostJson> Hosts,
    IReadOnlyList<StatusJson.FactJson> Facts, string Gateway, string Guardian, string Inside)
{
    public sealed record HolderJson(string Member, string Device, long SinceUnix);

    public sealed record HostJson(uint Number, string State, uint Cpus, ulong MemoryBytes);

    public sealed record FactJson(string Name, string Value, bool Safe);

    public static string Word(State state) => state.ToString().ToLowerInvariant();

    public static StatusJson Of(StateReply r) => new(
        r.Name, Word(r.State), r.SinceUnix, r.Detail, [.. r.Holders.Select(h => new HolderJson(h.Member, h.Device, h.SinceUnix))],
        [.. r.Hosts.Select(h => new HostJson(h.Number, h.State, h.Cpus, h.MemoryBytes))], [.. r.Facts.Select(f => new FactJson(f.Name, f.Value, f.Safe))],
        r.Gateway, r.Guardian, r.Inside);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(StatusJson))]
internal sealed partial class StatusJsonContext : JsonSerializerContext;
