using System.Text.Json.Nodes;
using Safes.Client.Session;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Transfer;

namespace Safes.Cli.Commands;

/// <summary>Requests to let files out as people read them, and as scripts do.</summary>
internal static class OutLines
{
    public static string What(OutEntry e) =>
        $"{e.Files} file{(e.Files == 1 ? "" : "s")}, {TransferLines.Size((long)Math.Min(e.Bytes, long.MaxValue))}" + (e.LeftOut > 0 ? $"; {e.LeftOut} links, devices or pipes left out" : "");

    /// <summary>With whose turn it is.</summary>
    public static string Line(OutEntry e) => $"  {e.Number,4}  {Turn(e),-34}  {What(e),-22}  {Printable.Line(e.Member)}, {At(e.AskedUnix)}: {Printable.Line(e.Reason)}";

    public static IEnumerable<string> Head(OutEntry e)
    {
        yield return $"Request {e.Number} of {Printable.Line(e.Member)} ({Printable.Line(e.Device)}), {At(e.AskedUnix)}: {Printable.Line(e.Reason)}";
        yield return $"  {What(e)}; list {Convert.ToHexStringLower(e.Digest.Span)}";
        yield return $"  {Turn(e)}" + (e.State == OutState.OutWaiting ? "" : $", {At(e.DecidedUnix)}: {Printable.Line(e.DecisionReason)}");
    }

    public static string Line(OutFile f) => $"  {Convert.ToHexStringLower(f.Sha256.Span)}  {TransferLines.Size((long)Math.Min(f.Length, long.MaxValue)),9}  {Printable.Line(f.Type),-12}  /safe/{Path(f)}";

    public static JsonObject Json(OutEntry e) => new()
    {
        ["number"] = e.Number,
        ["state"] = State(e.State),
        ["member"] = e.Member,
        ["device"] = e.Device,
        ["asked"] = e.AskedUnix,
        ["reason"] = e.Reason,
        ["files"] = e.Files,
        ["bytes"] = e.Bytes,
        ["left_out"] = e.LeftOut,
        ["digest"] = Convert.ToHexStringLower(e.Digest.Span),
        ["decided_by"] = e.DecidedBy,
        ["decided"] = e.DecidedUnix,
        ["decision_reason"] = e.DecisionReason,
    };

    public static JsonObject Json(OutFile f) => new()
    {
        ["file"] = $"/safe/{Path(f)}",
        ["bytes"] = f.Length,
        ["type"] = f.Type,
        ["sha256"] = Convert.ToHexStringLower(f.Sha256.Span),
    };

    private static string Turn(OutEntry e) => e.State switch
    {
        OutState.OutApproved => $"approved by {Printable.Line(e.DecidedBy)}: safe get --request",
        OutState.OutRefused => $"refused by {Printable.Line(e.DecidedBy)}",
        _ => $"an owner but {Printable.Line(e.Member)} decides",
    };

    private static string State(OutState state) => state switch { OutState.OutApproved => "approved", OutState.OutRefused => "refused", _ => "waiting" };

    private static string Path(OutFile f) => Printable.Line(FilePath.Parse(f.Path.Span).ToString());

    private static string At(long unix) => TermWords.At(DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(unix, 0, 253402300799)), DateTimeOffset.Now);
}
