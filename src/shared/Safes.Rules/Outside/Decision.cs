namespace Safes.Rules.Outside;

/// <summary>What becomes of a request.</summary>
public enum Verdict
{
    Allowed,

    /// <summary>No rule is for it.</summary>
    NoRule,

    /// <summary>The rule for it has ended.</summary>
    Ended,

    /// <summary>The rule for it does not take its method.</summary>
    Method,

    /// <summary>The rule for it does not take that much, or a body of unknown size.</summary>
    Upload,

    /// <summary>It asks for an address and no name.</summary>
    Address,
}

/// <summary>What becomes of a request, and by which rule.</summary>
/// <param name="Rule">The rule that lets it through, or that is for it and does not; 0: there is none.</param>
/// <param name="Opened">Over TLS the proxy looks into it, under a certificate of its own.</param>
/// <param name="DownloadLimit">Bytes of the answer's body; 0: no limit.</param>
public sealed record Decision(Verdict Verdict, int Rule, bool Opened, long DownloadLimit);
