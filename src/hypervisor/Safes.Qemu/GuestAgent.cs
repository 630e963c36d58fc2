namespace Safes.Qemu;

/// <summary>The guest agent. Everything it says is untrusted: bounded, parsed strictly, never believed beyond its own host.</summary>
public sealed class GuestAgent
{
    /// <summary>Runs a shell script in the guest.</summary>
    public Task<AgentOutput> RunAsync(string script, TimeSpan limit) => throw new NotImplementedException();
}

/// <summary>What a program in the guest left; output bounded.</summary>
public sealed record AgentOutput(int Exit, string Output, string Error);
