namespace Safes.Hypervisor.Gateway;

public enum GatewayFailure
{
    /// <summary>The image is missing, or not what its manifest says.</summary>
    Image,

    /// <summary>It did not come up.</summary>
    NotUp,

    /// <summary>It refused what it was told.</summary>
    Refused,

    /// <summary>It does not answer, or what comes is no answer.</summary>
    Silent,
}

/// <summary>The gateway is not what it should be.</summary>
public sealed class GatewayException(GatewayFailure failure, string message, Exception? inner = null) : IOException(message, inner)
{
    public GatewayFailure Failure { get; } = failure;
}
