using System.Net;

namespace Safes.Network;

/// <summary>What the proxy host may reach outside, and who may reach it.</summary>
/// <param name="Asking">Inside addresses of the hosts that some rule is for.</param>
/// <param name="Ports">TCP ports outside.</param>
/// <param name="Resolvers">Whom it asks for names, on port 53; they may have private addresses.</param>
/// <param name="Unreachable">Networks ("10.0.0.0/8") that it never reaches, whatever name leads there.</param>
public sealed record WorldPlan(
    IReadOnlyCollection<IPAddress> Asking, IReadOnlyCollection<int> Ports, IReadOnlyCollection<IPAddress> Resolvers, IReadOnlyCollection<string> Unreachable);
