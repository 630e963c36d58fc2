using System.Globalization;
using Safes.Contracts;

namespace Safes.Cli.Commands;

/// <summary>Sizes as people write them: 512M, 4G, 1T, in powers of 1024.</summary>
internal static class Sizes
{
    private const string Units = "KMGT";

    /// <summary>Bytes; 0 (the server's own choice) for none.</summary>
    public static ulong Parse(string? text)
    {
        if (text is null)
        {
            return 0;
        }

        string number = text.Trim().ToUpperInvariant().Replace("IB", "", StringComparison.Ordinal).TrimEnd('B');
        int unit = number.Length > 0 ? Units.IndexOf(number[^1], StringComparison.Ordinal) : -1;
        return ulong.TryParse(unit < 0 ? number : number[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong n) && n is > 0 and < 1 << 20
            ? n << (10 * (unit + 1))
            : throw new FaultException(FaultCodes.Usage, ("what", $"'{text}' is not a size"), ("hint", "such as 512M or 4G"));
    }
}
