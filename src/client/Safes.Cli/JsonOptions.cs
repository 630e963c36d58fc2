using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Safes.Cli;

/// <summary>How JSON is printed: readable names and paths, but nothing that a terminal would act on.</summary>
internal static class JsonOptions
{
    public static JsonSerializerOptions Default { get; } = new()
    {
        Encoder = JavaScriptEncoder.Create(System.Text.Unicode.UnicodeRanges.BasicLatin, System.Text.Unicode.UnicodeRanges.Latin1Supplement),
        TypeInfoResolver = JsonTypeInfoResolver.Combine(),
    };
}
