namespace Safes.Hypervisor.Doctor.Checks;

internal static class Privileges
{
    public static Finding Look(Server server) => server.IsRoot
        ? Finding.Good("root", "yes")
        : Finding.Must("root", "no", "safed mounts, makes namespaces and virtual machines, and so do these checks", "sudo safed doctor");
}
