using Safes.Lifecycle;

namespace Safes.Hypervisor.Effects;

/// <summary>How long each effect may take. What closing does adds up to less than the bound, whichever of it hangs.</summary>
public sealed record Deadlines(TimeSpan Bound, TimeSpan Opening)
{
    /// <summary>For suspending hosts; the rest is for what has to come after.</summary>
    public TimeSpan Suspend => Bound * 0.45;

    public TimeSpan Lock => Bound * 0.2;

    public TimeSpan Of(Effect effect) => effect switch
    {
        AllowDevices or CutInside or ForgetSession or ForgetSessions or RecordSession or SetGuardian or DisarmGuardian => AtMost(3, 0.03),
        SuspendHosts => Suspend + AtMost(2, 0.02),
        EndProcesses => AtMost(6, 0.05),
        LockVolume => Lock + AtMost(2, 0.02),
        VerifyClosed => AtMost(10, 0.08),
        WriteBack => TimeSpan.FromSeconds(1),
        MakeVolume => TimeSpan.FromMinutes(10),
        ArmGuardian => TimeSpan.FromSeconds(15),
        ResumeHosts => Opening,
        _ => TimeSpan.FromSeconds(30),
    };

    private TimeSpan AtMost(double seconds, double part) =>
        TimeSpan.FromSeconds(Math.Max(1, Math.Min(seconds, Bound.TotalSeconds * part)));
}
