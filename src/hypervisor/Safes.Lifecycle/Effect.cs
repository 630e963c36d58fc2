namespace Safes.Lifecycle;

/// <summary>
/// What is to be done, in order, each idempotent and with a deadline of its own. Where one fails, the rest of the plan is dropped,
/// unless <see cref="GoesOn"/>: closing never stops at a failure.
/// </summary>
public abstract record Effect
{
    public virtual bool GoesOn => false;

    /// <summary>As people are told when it takes long.</summary>
    public string Name => GetType().Name;
}

/// <summary>The gateway forwards from these devices and no others. One that does not acknowledge is ended: a new one denies all.</summary>
public sealed record AllowDevices(Items<Device> Devices) : Effect
{
    public override bool GoesOn => true;
}

/// <summary>Formats the volume's file.</summary>
public sealed record MakeVolume : Effect;

/// <summary>Loop device and mount.</summary>
public sealed record AttachVolume : Effect;

/// <summary>Starts the guardian, or finds the one that runs, and gives it the deadline; done when acknowledged.</summary>
public sealed record ArmGuardian(TimeSpan Until) : Effect;

/// <summary>Gives the volume key to the kernel and wipes it here.</summary>
public sealed record AddKey : Effect;

/// <summary>Policy, then marker; only then is anything written.</summary>
public sealed record CheckVolume : Effect;

/// <summary>Policy, directories and marker of a new volume. The header comes after it, and ends the claim.</summary>
public sealed record LayOutVolume : Effect;

public sealed record ResumeHosts : Effect;

/// <summary>Takes over hosts that went on while safed was away.</summary>
public sealed record AdoptHosts : Effect;

/// <summary>Lets the gateway's link into the inside network.</summary>
public sealed record LetInside : Effect;

/// <summary>Keeps the hash of the session's token on the volume.</summary>
public sealed record RecordSession(SessionId Session) : Effect
{
    public override bool GoesOn => true;
}

public sealed record ForgetSession(SessionId Session) : Effect
{
    public override bool GoesOn => true;
}

public sealed record ForgetSessions : Effect
{
    public override bool GoesOn => true;
}

/// <summary>A new deadline for the guardian. Where none lives but the key is there, one is started.</summary>
public sealed record SetGuardian(TimeSpan Until) : Effect
{
    public override bool GoesOn => true;
}

/// <summary>Begins to write guests' memory back while they run; does not wait for it.</summary>
public sealed record WriteBack : Effect
{
    public override bool GoesOn => true;
}

/// <summary>Nothing passes between gateway and hosts any more.</summary>
public sealed record CutInside : Effect
{
    public override bool GoesOn => true;
}

/// <summary>All at once; a host that takes too long is stopped hard.</summary>
public sealed record SuspendHosts : Effect
{
    public override bool GoesOn => true;
}

/// <summary>Whatever still runs of the hosts.</summary>
public sealed record EndProcesses : Effect
{
    public override bool GoesOn => true;
}

/// <summary>Sync, remove the key, unmount, detach.</summary>
public sealed record LockVolume : Effect
{
    public override bool GoesOn => true;
}

/// <summary>Asks the kernel; ends in FoundClosed or FoundHeld.</summary>
public sealed record VerifyClosed : Effect;

/// <summary>Only after ABSENT was seen.</summary>
public sealed record DisarmGuardian : Effect
{
    public override bool GoesOn => true;
}

public sealed record Reboot : Effect
{
    public override bool GoesOn => true;
}
