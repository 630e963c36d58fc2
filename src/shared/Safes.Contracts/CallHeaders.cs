namespace Safes.Contracts;

/// <summary>What goes with a call beside its message.</summary>
public static class CallHeaders
{
    /// <summary>The 16 bytes of the caller's session. Only who gave the password was told them.</summary>
    public const string Session = "session-bin";
}
