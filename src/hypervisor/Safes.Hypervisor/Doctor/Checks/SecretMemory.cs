using Safes.Linux;

namespace Safes.Hypervisor.Doctor.Checks;

internal static class SecretMemory
{
    public static Finding Look(Server server) => Judge(Mman.HasSecretMemory);

    internal static Finding Judge(bool available) => available
        ? Finding.Good("secret memory", "memfd_secret: keys lie where not even root's debugger reads")
        : Finding.Should(
            "secret memory", "no memfd_secret", "keys in use are locked in memory and kept out of core dumps, but root can read them there",
            "add secretmem.enable=1 to the kernel's command line (Linux 5.14 to 6.4), reboot");
}
