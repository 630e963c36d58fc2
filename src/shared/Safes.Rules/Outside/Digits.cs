using System.Globalization;
using System.Text;

namespace Safes.Rules.Outside;

/// <summary>Comparing numbers where only text can be matched.</summary>
internal static class Digits
{
    /// <summary>An extended regular expression for the decimal numbers above this one, with leading zeros or without.</summary>
    public static string Above(long number)
    {
        string digits = number.ToString(CultureInfo.InvariantCulture);
        var any = new StringBuilder($"^[[:space:]]*0*([1-9][0-9]{{{digits.Length},}}");
        for (int i = 0; i < digits.Length; i++)
        {
            if (digits[i] < '9')
            {
                string rest = i == digits.Length - 1 ? "" : $"[0-9]{{{digits.Length - 1 - i}}}";
                any.Append(CultureInfo.InvariantCulture, $"|{digits[..i]}[{(char)(digits[i] + 1)}-9]{rest}");
            }
        }

        return any.Append(")[[:space:]]*$").ToString();
    }
}
