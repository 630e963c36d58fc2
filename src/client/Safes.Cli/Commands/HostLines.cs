using System.Globalization;
using System.Text.Json.Nodes;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Cli.Commands;

/// <summary>Hosts as people and programs see them.</summary>
internal static class HostLines
{
    public static IEnumerable<string> Text(IReadOnlyCollection<Host> hosts, DateTimeOffset now)
    {
        int width = hosts.Select(h => Printable.Line(h.Name).Length).DefaultIfEmpty(0).Max();
        foreach (var h in hosts)
        {
            string uptime = h.UptimeSeconds > 0 ? $"uptime {Ages.Words(TimeSpan.FromSeconds(h.UptimeSeconds))}" : "";
            string load = Load(h) >= 0.05 ? string.Create(CultureInfo.InvariantCulture, $"load {Load(h):0.0}") : "";
            string left = h is { State: "suspended", SuspendedUnix: > 0 } ? $"{Ages.Since(h.SuspendedUnix, now)} ago" : "";
            yield return $"  {Printable.Line(h.Name).PadRight(width)}   {Printable.Line(h.State),-9}  {h.Cpus} cpu{(h.Cpus == 1 ? " " : "s")}  {Size(h.MemoryBytes),-8}  {Printable.Line(h.Address),-15}  {string.Join("   ", new[] { uptime, load, left, Next(h), Printable.Line(h.Note) }.Where(t => t.Length > 0))}".TrimEnd();
        }
    }

    public static JsonArray Json(IEnumerable<Host> hosts) => new([.. hosts.Select(h => (JsonNode)new JsonObject
    {
        ["name"] = h.Name,
        ["state"] = h.State,
        ["cpus"] = h.Cpus,
        ["memory_bytes"] = h.MemoryBytes,
        ["disk_bytes"] = h.DiskBytes,
        ["address"] = h.Address,
        ["uptime_seconds"] = h.UptimeSeconds,
        ["load"] = Math.Round(Load(h), 2),
        ["suspended_unix"] = h.SuspendedUnix,
        ["image"] = h.Image,
        ["note"] = h.Note,
        ["next_cpus"] = h.NextCpus,
        ["next_memory_bytes"] = h.NextMemoryBytes,
        ["next_disk_bytes"] = h.NextDiskBytes,
    })]);

    /// <summary>What came of asking for other sizes.</summary>
    public static string Resized(Host h) => Next(h) is { Length: > 0 } next
        ? next + (h.State switch
        {
            "stopped" or "failed" => $": safe host start {Printable.Line(h.Name)}",
            "suspended" => $"; its memory goes on with the sizes it has, safe host restart {Printable.Line(h.Name)} gives that up",
            _ => $": safe host restart {Printable.Line(h.Name)}",
        })
        : "has these sizes";

    /// <summary>In processors; no server has more than some thousands, and what is no number is none.</summary>
    private static double Load(Host h) => h.Load is > 0 and < 10_000 ? h.Load : 0;

    private static string Next(Host h) => string.Join(", ", new[]
    {
        h.NextCpus > 0 ? $"{h.NextCpus} cpu{(h.NextCpus == 1 ? "" : "s")}" : "", h.NextMemoryBytes > 0 ? Size(h.NextMemoryBytes) : "",
        h.NextDiskBytes > 0 ? $"disk {Size(h.NextDiskBytes)}" : "",
    }.Where(t => t.Length > 0)) is { Length: > 0 } next ? $"{next} from its next boot on" : "";

    public static string Size(ulong bytes) => bytes switch
    {
        >= 1UL << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1UL << 30):0.#} GiB"),
        0 or >= 1UL << 20 => $"{bytes >> 20} MiB",
        >= 1UL << 10 => $"{bytes >> 10} KiB",
        _ => $"{bytes} B",
    };
}
