using System.Text.Json.Serialization;

namespace Safes.Qemu;

/// <summary>The files that this library reads and writes as JSON. Unknown keys are refused: a record we do not understand is not ours to use.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, WriteIndented = false,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Tools))]
[JsonSerializable(typeof(StateRecord))]
[JsonSerializable(typeof(BundleManifest))]
[JsonSerializable(typeof(ProcessRecord))]
internal sealed partial class QemuJson : JsonSerializerContext;
