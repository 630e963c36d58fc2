using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Safes.Cli;

/// <summary>How JSON is printed: readable names and paths, but nothing that a terminal would act on.</summary>
internal static class JsonOptions
{
    public static JsonSerializerOptions Default { get; } = new()
    {
        Encoder = JavaScriptEncoder.Create(Readable()),
        TypeInfoResolver = JsonTypeInfoResolver.Combine(),
    };

    private static TextEncoderSettings Readable()
    {
        var settings = new TextEncoderSettings(UnicodeRanges.BasicLatin, UnicodeRanges.Latin1Supplement);
        settings.ForbidCharacter('\u00ad');     // a hyphen that nobody sees
        return settings;
    }
}
