namespace Safes.Qemu;

public enum StateProblem
{
    /// <summary>There is no saved state, or no record of one.</summary>
    Missing,

    /// <summary>State, RAM or disk are not what the record says.</summary>
    Damaged,

    /// <summary>It was saved under another QEMU, accelerator, CPU or set of devices.</summary>
    Mismatch,
}

/// <summary>A memory image cannot be used. Found by comparing, before QEMU is started: a load alone would change the RAM file.</summary>
public sealed class StateMismatchException(StateProblem problem, string what, string saved, string here)
    : IOException($"memory image {problem}: {what}" + (problem is StateProblem.Mismatch ? $" was '{saved}', here is '{here}'" : ""))
{
    public StateProblem Problem { get; } = problem;

    /// <summary>What differs or is damaged: "QEMU", "accelerator", "CPU", "hardware", "state", "ram", "disk", "record".</summary>
    public string What { get; } = what;

    public string Saved { get; } = saved;

    public string Here { get; } = here;
}
