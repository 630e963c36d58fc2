using System.Text.Json.Serialization;
using Safes.Contracts;

namespace Safes.Client.Reports;

/// <summary>What a report tells.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ReportKind>))]
public enum ReportKind
{
    /// <summary>A step began; <see cref="Report.WaitsFor"/> says for whom it waits.</summary>
    Began,

    /// <summary>A step is done, with what a person should know in <see cref="Report.Detail"/>.</summary>
    Done,

    /// <summary>The password of the safe <see cref="Report.Name"/> is needed, over the password pipe.</summary>
    Password,

    /// <summary>Something to know that stops nothing.</summary>
    Notice,

    /// <summary>A value of <see cref="Report.Name"/>.</summary>
    Value,

    /// <summary>It worked; nothing more comes.</summary>
    Finished,

    /// <summary>It did not work; the fault says why.</summary>
    Failed,

    /// <summary>A session ended: why, when, and what was kept.</summary>
    Ended,
}

/// <summary>One thing that a person (or the process in front of him) is told while something is under way. One JSON line between processes.</summary>
public sealed record Report(ReportKind Kind, string Name = "", string Detail = "")
{
    public string WaitsFor { get; init; } = "";

    /// <summary>How long the step took.</summary>
    public long Milliseconds { get; init; }

    /// <summary>Only for people who asked for more (--verbose).</summary>
    public bool Minor { get; init; }

    /// <summary>Of a failure, as in <see cref="FaultCodes"/>.</summary>
    public string Code { get; init; } = "";

    public Dictionary<string, string> Details { get; init; } = [];

    public static Report Failure(FaultException fault) =>
        new(ReportKind.Failed) { Code = fault.Code.Code, Details = new(fault.Details) };

    /// <summary>The fault of a failure, to be thrown again where it is shown.</summary>
    public FaultException ToFault() => new(FaultCodes.Find(Code), [.. Details.Select(d => (d.Key, d.Value))]);
}

/// <summary>How reports are written between processes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Report))]
public sealed partial class ReportJson : JsonSerializerContext;
