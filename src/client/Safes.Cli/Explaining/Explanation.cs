using Safes.Contracts;

namespace Safes.Cli.Explaining;

/// <summary>What a person is told when something is refused: what happened, what is true now, what to do.</summary>
internal sealed record Explanation(string What, string? Note = null, string? Hint = null);

/// <summary>A fault's details as words may use them: cleaned, since a server may have sent them.</summary>
internal sealed class Facts(IReadOnlyDictionary<string, string> details, string? safe)
{
    /// <summary>The safe's name in quotes.</summary>
    public string Safe => this["safe"] is { Length: > 0 } named ? $"'{named}'" : safe is null ? "the safe" : $"'{Printable.Line(safe)}'";

    /// <summary>Its name as a command's argument.</summary>
    public string Argument => safe is null ? "" : " " + Printable.Line(safe);

    public string this[string name] => Printable.Line(details.GetValueOrDefault(name, ""));

    public bool Has(string name) => this[name].Length > 0;

    /// <summary>The first of these details that is there, else the other words.</summary>
    public string Or(string name, string otherwise) => Has(name) ? this[name] : otherwise;

    /// <summary>A detail that is a size; 0 when it is not there.</summary>
    public ulong Bytes(string name) => ulong.TryParse(this[name], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out ulong n) ? n : 0;

    /// <summary>": " and the detail, when it is there.</summary>
    public string Tail(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (Has(name))
            {
                return $": {this[name]}";
            }
        }

        return "";
    }
}
