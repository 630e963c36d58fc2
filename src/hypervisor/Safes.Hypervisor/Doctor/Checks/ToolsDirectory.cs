namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Whether there is a tools directory. It is asked once: what lies in it, and is therefore not tried without it, is no finding of its own.</summary>
internal static class ToolsDirectory
{
    private const string Name = "tools";

    public static Finding Look(Server server) => server.Tools is { } tools
        ? Finding.Good(Name, $"QEMU {tools.QemuVersion}, virtiofsd, a kernel for guests")
        : Finding.Must(
            Name, server.ToolsProblem, "without them there is neither gateway nor host",
            "in the source tree: packaging/install server, or packaging/tools and then packaging/accelerator");

    public static Finding Wanted(string name) => Finding.Note(name, "not tried", "needs the tools");
}
