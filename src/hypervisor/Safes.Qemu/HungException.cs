namespace Safes.Qemu;

/// <summary>A step of a virtual machine did not end in time.</summary>
/// <param name="program">What did not answer: "QEMU", "virtiofsd", "guest agent".</param>
/// <param name="pid">Its process, 0 inside a guest.</param>
/// <param name="step">What it was asked for.</param>
public sealed class HungException(string program, int pid, string step, TimeSpan limit)
    : IOException($"{program}{(pid == 0 ? "" : $" (pid {pid})")} did not end '{step}' within {limit.TotalSeconds:0.#} s")
{
    public string Program { get; } = program;

    public int Pid { get; } = pid;

    public string Step { get; } = step;

    public TimeSpan Limit { get; } = limit;
}
