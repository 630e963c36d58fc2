using System.CommandLine;

namespace Safes.Hypervisor.Doctor;

/// <summary>`safed doctor`: says what on this server keeps a safe from working, or from being safe. Changes nothing.</summary>
public static class DoctorCommand
{
    public static Command Create() => new("doctor", "Find out by trying what must change on this server; nothing is changed.");
}
