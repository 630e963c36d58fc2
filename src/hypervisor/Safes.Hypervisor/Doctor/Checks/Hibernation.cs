namespace Safes.Hypervisor.Doctor.Checks;

internal static class Hibernation
{
    public static Finding Look(Server server)
    {
        bool possible = (server.Read("sys/power/state") ?? "").Split(' ').Contains("disk") && (server.Read("sys/power/disk") ?? "[disabled]") != "[disabled]";
        string resume = server.Read("sys/power/resume") ?? "0:0";
        return !possible || resume == "0:0"
            ? Finding.Good("hibernation", possible ? "no device to resume from" : "not possible")
            : Finding.Should(
                "hibernation", $"would write memory to device {resume}", "an open safe's keys and guests would lie on that disk",
                "systemctl mask hibernate.target hybrid-sleep.target; take resume= from the kernel's command line");
    }
}
