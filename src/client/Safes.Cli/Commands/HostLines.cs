using System.Globalization;
using System.Text.Json.Nodes;
using Safes.Client.Reports;
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
            string load = h.State == "running" && h.Load > 0 ? string.Create(CultureInfo.InvariantCulture, $"load {h.Load:0.0}") : "";
            string uptime = h.UptimeSeconds > 0 ? $"uptime {Ages.Words(TimeSpan.FromSeconds(h.UptimeSeconds))}" : "";
            string left = h is { State: "suspended", SuspendedUnix: > 0 } ? $"{Ages.Since(h.SuspendedUnix, now)} ago" : "";
            yield return $"  {Printable.Line(h.Name).PadRight(width)}   {Printable.Line(h.State),-9}  {h.Cpus} cpu{(h.Cpus == 1 ? " " : "s")}  {Size(h.MemoryBytes),-8}  {Printable.Line(h.Address),-15}  {string.Join("   ", new[] { uptime, load, left, Printable.Line(h.Note) }.Where(t => t.Length > 0))}".TrimEnd();
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
        ["load"] = h.Load,
        ["suspended_unix"] = h.SuspendedUnix,
        ["image"] = h.Image,
        ["note"] = h.Note,
    })]);

    public static string Size(ulong bytes) => bytes switch
    {
        >= 1UL << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1UL << 30):0.#} GiB"),
        _ => $"{bytes >> 20} MiB",
    };
}
