namespace Safes.Qemu;

/// <summary>What a guest sees as its CPU. A state saved on another one may load and then crash the guest.</summary>
internal static class HostCpu
{
    /// <summary>Under TCG the emulated one, whatever the machine; under KVM the machine's own, with its features.</summary>
    public static string Describe(string accelerator)
    {
        if (accelerator != "kvm")
        {
            return "emulated";
        }

        string[] lines = File.ReadAllLines("/proc/cpuinfo");
        string Field(string name) => lines.FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[^1].Trim() ?? "";
        string features = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(Field("flags"))))[..16];
        return $"{Field("model name")} {Field("stepping")} {features}";
    }
}
