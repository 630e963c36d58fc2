using System.Text;

namespace Safes.Hypervisor.Doctor;

/// <summary>How the doctor's findings read on a terminal or in a file: plain, one a line.</summary>
internal static class Words
{
    private const int NameWidth = 16, LineWidth = 118;

    public static string Line(Finding finding)
    {
        string sign = finding.Grade switch { Grade.Good => "✓", Grade.Note => "·", Grade.Should => "!", _ => "✗" };
        var line = new StringBuilder($"  {sign} {finding.Name.PadRight(NameWidth)} {finding.What}");
        if (finding.Why.Length > 0)
        {
            line.Append(": ").Append(finding.Why);
        }

        if (finding.Do.Length > 0)
        {
            line.Append(line.Length + finding.Do.Length + 5 <= LineWidth ? "     " : "\n" + new string(' ', NameWidth + 5)).Append(finding.Do);
        }

        return line.ToString();
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
