namespace Safes.Hypervisor.Guardian;

/// <summary>The guardian itself: `safed guard`, dispatched before anything else of the daemon is touched.</summary>
public static class GuardianProcess
{
    /// <summary>Runs until disarmed and told to end, or until it has closed the safe. Returns the exit status.</summary>
    public static int Run(IReadOnlyList<string> arguments) => throw new NotImplementedException(string.Join(' ', arguments));
}
