using System.Text.Json;
using System.Text.Json.Serialization;

namespace Safes.Hypervisor.Doctor;

/// <summary>What `safed doctor --json` writes. Grades are good, note, should, must.</summary>
internal sealed record DoctorReport(IReadOnlyList<Finding> Findings)
{
    public int Must => Findings.Count(f => f.Grade == Grade.Must);

    public int Should => Findings.Count(f => f.Grade == Grade.Should);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(DoctorReport))]
internal sealed partial class DoctorJson : JsonSerializerContext
{
    private static readonly DoctorJson Named = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter<Grade>(JsonNamingPolicy.SnakeCaseLower) },
    });

    public static string Write(IReadOnlyList<Finding> findings) => JsonSerializer.Serialize(new DoctorReport(findings), Named.DoctorReport);
}
