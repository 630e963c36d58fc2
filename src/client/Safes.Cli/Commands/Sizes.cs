using System.Globalization;
using Safes.Contracts;

namespace Safes.Cli.Commands;

/// <summary>Sizes as people write them: 512M, 4G, 1T, in powers of 1024.</summary>
internal static class Sizes
{
    private const string Units = "KMGT";

    /// <summary>How many; 0 (the server's own choice) for none.</summary>
    public static uint Count(uint? given) => given != 0
        ? given ?? 0 : throw new FaultException(FaultCodes.Usage, ("what", "there must be one processor at least"), ("hint", "--cpus 1"));

    /// <summary>Bytes; 0 (the server's own choice) for none.</summary>
    public static ulong Parse(string? text)
    {
        if (text is null)
        {
            return 0;
        }

        // A number alone could be meant in any unit.
        string number = text.ToUpperInvariant();
        number = number.EndsWith("IB", StringComparison.Ordinal) ? number[..^2] : number.EndsWith('B') ? number[..^1] : number;
        int unit = number.Length > 0 ? Units.IndexOf(number[^1], StringComparison.Ordinal) : -1;
        return unit >= 0 && ulong.TryParse(number[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong n) && n is > 0 and < 1 << 20
            ? n << (10 * (unit + 1))
            : throw new FaultException(FaultCodes.Usage, ("what", $"'{text}' is not a size"), ("hint", "such as 512M or 4G"));
    }
}
