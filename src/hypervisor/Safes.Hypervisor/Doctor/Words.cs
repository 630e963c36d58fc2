using System.Text;

namespace Safes.Hypervisor.Doctor;

/// <summary>How the doctor's findings read on a terminal or in a file: plain, one a line.</summary>
internal static class Words
{
    private const int NameWidth = 16, LineWidth = 118;

    public static string Line(Finding finding)
    {
        string sign = finding.Grade switch { Grade.Good => "✓", Grade.Note => "·", Grade.Should => "!", _ => "✗" };
        string indent = "\n" + new string(' ', NameWidth + 5);
        var line = new StringBuilder($"  {sign} {finding.Name.PadRight(NameWidth)} {finding.What}");
        int width = line.Length;
        Append(finding.Why, ": ", ":" + indent);
        Append(finding.Do, "     ", indent);
        return line.ToString();

        void Append(string text, string beside, string below)
        {
            if (text.Length > 0)
            {
                bool fits = width + beside.Length + text.Length <= LineWidth;
                line.Append(fits ? beside : below).Append(text);
                width = fits ? width + beside.Length + text.Length : indent.Length + text.Length;
            }
        }
    }

    public static string Sum(IReadOnlyCollection<Finding> findings)
    {
        int must = findings.Count(f => f.Grade == Grade.Must), should = findings.Count(f => f.Grade == Grade.Should);
        string sum = (must, should) switch
        {
            (0, 0) => "Nothing has to change.",
            (0, _) => $"A safe works here; {Things(should)} should change.",
            (_, 0) => $"{Things(must)} must change.",
            _ => $"{Things(must)} must change, {should} should.",
        };
        return sum + " Nothing was changed.";
    }

    private static string Things(int n) => n == 1 ? "1 thing" : $"{n} things";
}
