using System.Globalization;
using Safes.Contracts;
using Safes.Rules;

namespace Safes.Client.Network;

/// <summary>HOST:PORT as a person types it.</summary>
public readonly record struct HostPortText(string Host, int Port)
{
    public override string ToString() => $"{Host}:{Port}";

    /// <exception cref="FaultException">host-name, port-wrong.</exception>
    public static HostPortText Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? text : text[..colon], port = colon < 0 ? "" : text[(colon + 1)..];
        return new HostPortText(CheckHost(host), CheckPort(port));
    }

    /// <summary>Exactly a name as hosts and groups have it: nothing that looks like one, no dot at its end, no other script.</summary>
    public static string CheckHost(string name) => RuleNames.IsHost(name) ? name : throw new FaultException(FaultCodes.HostName, ("host", Shown(name)));

    public static int CheckPort(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= ushort.MaxValue && text[0] != '0'
            ? port
            : throw new FaultException(FaultCodes.PortWrong, ("port", Shown(text)));

    private static string Shown(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
