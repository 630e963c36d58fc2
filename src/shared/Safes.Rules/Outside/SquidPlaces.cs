using System.Net;

namespace Safes.Rules.Outside;

/// <summary>Where the proxy runs and where its files lie, as it sees them.</summary>
/// <param name="Listen">The address on which hosts find it.</param>
/// <param name="Files">A directory: squid.conf, the pages and the helper, which nobody there may change.</param>
/// <param name="Logs">A directory that it writes to.</param>
/// <param name="Certificates">A directory of its own for certificates that it has made, prepared by security_file_certgen.</param>
/// <param name="Authority">A file with the certificate and key under which it looks into TLS.</param>
/// <param name="Resolvers">Whom it asks for names.</param>
public sealed record SquidPlaces(IPAddress Listen, string Files, string Logs, string Certificates, string Authority, IReadOnlyList<IPAddress> Resolvers)
{
    public const int Port = 3128;

    /// <summary>The file in which it writes its process.</summary>
    public required string Process { get; init; }

    /// <summary>The socket of what says reasons in answers' first lines.</summary>
    public required string Reasons { get; init; }

    /// <summary>The authorities that servers' certificates are checked against; null: those of its system.</summary>
    public string? Trusted { get; init; }

    /// <summary>Its name, for pages and answers.</summary>
    public string VisibleName { get; init; } = "proxy";

    /// <summary>The server's own public addresses, which no rule reaches either.</summary>
    public IReadOnlyList<IPAddress> Own { get; init; } = [];

    /// <summary>The user that it becomes.</summary>
    public string User { get; init; } = "proxy";
}
