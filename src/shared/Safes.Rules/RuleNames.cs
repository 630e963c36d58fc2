using System.Text.RegularExpressions;

namespace Safes.Rules;

/// <summary>Which names may stand in a rule. All of them end up in other programs' configuration: nothing but what is listed gets in.</summary>
public static partial class RuleNames
{
    /// <summary>The form of hosts' and groups' names.</summary>
    public static bool IsHost(string name) => HostForm().IsMatch(name);

    /// <summary>The characters of a destination: a DNS name in lower-case ASCII, a leading *., or a preset's @name.</summary>
    public static bool IsDestination(string name) => name.Length <= 253 && DestinationForm().IsMatch(name);

    public static bool IsMethod(string name) => MethodForm().IsMatch(name);

    [GeneratedRegex(@"\A[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostForm();

    [GeneratedRegex(@"\A(?:@[a-z][a-z0-9-]{0,30}|(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex DestinationForm();

    [GeneratedRegex(@"\A[A-Z]{3,16}\z", RegexOptions.CultureInvariant)]
    private static partial Regex MethodForm();
}
