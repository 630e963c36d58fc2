using System.Text.Json;
using System.Text.Json.Nodes;
using Safes.Contracts;

namespace Safes.Cli.Explaining;

/// <summary>The one place that turns a fault into words and an exit status.</summary>
internal static class Explain
{
    private static readonly Dictionary<string, Func<Facts, Explanation>> Words =
        new[] { DeviceWords.All, WayWords.All, OpeningWords.All, VolumeWords.All, HostWords.All, RuleWords.All, FileWords.All, AirlockWords.All, ServerWords.All }
            .SelectMany(all => all).ToDictionary(w => w.Code.Code, w => w.Words);

    /// <summary>Whether a code has words of its own.</summary>
    public static bool Covers(FaultCode code) => Words.ContainsKey(code.Code);

    public static Explanation Of(FaultException fault, string? safe) => Words[fault.Code.Code](new Facts(fault.Details, safe));

    /// <summary>The lines for standard error; one JSON object with <paramref name="json"/>.</summary>
    public static string Text(FaultException fault, string? safe, bool json)
    {
        var told = Of(fault, safe);
        if (json)
        {
            var error = new JsonObject { ["code"] = fault.Code.Code, ["exit"] = fault.Code.Exit, ["error"] = told.What };
            AddIf(error, "note", told.Note);
            AddIf(error, "hint", told.Hint);
            return error.ToJsonString(new JsonSerializerOptions(JsonOptions.Default)) + "\n";
        }

        return $"safe: error: {told.What}  [{fault.Code}]\n"
            + (told.Note is null ? "" : $"safe: note:  {told.Note}\n")
            + (told.Hint is null ? "" : $"safe: hint:  {told.Hint}\n");
    }

    /// <summary>Anything else that went wrong is a fault of ours; its own words help whoever looks for it.</summary>
    public static FaultException Unexpected(Exception e) => e as FaultException ?? Unusable.Of(e)
        ?? new FaultException(FaultCodes.Internal, ("what", $"{e.GetType().Name}: {Printable.Line(e.Message)}"));

    private static void AddIf(JsonObject to, string name, string? value)
    {
        if (value is not null)
        {
            to[name] = value;
        }
    }
}
