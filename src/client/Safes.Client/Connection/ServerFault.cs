using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Connection;

/// <summary>What went wrong at the server's end, or in what it says.</summary>
internal static class ServerFault
{
    /// <summary>The server's own word, told as its own.</summary>
    public static FaultException Of(Fault told) => new(FaultCodes.Find(told.Code), [.. told.Details.Select(d => (d.Key, d.Value)), ("from", "server")]);

    /// <summary>It answered where nothing was asked.</summary>
    public static FaultException Nonsense() => new(FaultCodes.BadRequest, ("what", "an answer to nothing"), ("from", "server"));

    /// <summary>It and this device know each other's calls or names no longer, or not yet.</summary>
    public static FaultException OtherVersion() => new(FaultCodes.OtherVersion, ("what", "the server"), ("between", "server"));

    /// <summary>It was there, and then it was not.</summary>
    public static FaultException Lost() => new(FaultCodes.NoServer, ("why", "the connection was lost"));
}
