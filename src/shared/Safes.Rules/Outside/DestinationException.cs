namespace Safes.Rules.Outside;

/// <summary>What is wrong with a destination as somebody wrote it.</summary>
public enum DestinationFlaw
{
    /// <summary>Empty, too long, or of characters or labels that no name has.</summary>
    Malformed,

    /// <summary>Over 253 characters, or a label over 63.</summary>
    Long,

    /// <summary>A dot at its end.</summary>
    TrailingDot,

    /// <summary>A star that is not a leading *. before a name of two labels at least.</summary>
    Wildcard,

    /// <summary>An address, in whichever notation: rules name names.</summary>
    Address,

    /// <summary>Letters beyond ASCII, which may only look like those of another name.</summary>
    Foreign,

    /// <summary>Not 1 to 65535.</summary>
    Port,

    /// <summary>A URL: rules name a name and a port.</summary>
    Url,

    /// <summary>Neither a name with a dot nor a preset.</summary>
    Preset,
}

/// <summary>A destination is refused.</summary>
/// <param name="instead">What might be meant: the name in punycode, without its last dot, without the rest of a URL; else empty.</param>
public sealed class DestinationException(DestinationFlaw flaw, string text, string instead = "") : FormatException($"'{text}' is no destination: {flaw}")
{
    public DestinationFlaw Flaw { get; } = flaw;

    public string Text { get; } = text;

    public string Instead { get; } = instead;
}
