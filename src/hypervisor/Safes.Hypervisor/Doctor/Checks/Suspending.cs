using System.Text.RegularExpressions;
using Safes.Linux;

namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Whether QEMU and virtiofsd can suspend a host that has the team's files mounted: by version, and by what they say they can.</summary>
internal static partial class Suspending
{
    private const string Hint = "packaging/tools lays QEMU 10 and virtiofsd 1.13 into a directory of their own (Debian 12), or installs them (13)";

    public static async Task<Finding> TryQemuAsync(Server server, CancellationToken stop)
    {
        if (server.Tools is not { } tools)
        {
            return ToolsDirectory.Wanted("QEMU");
        }

        // A machine without anything answers QMP at once; what it offers is what a host gets.
        var said = await Tool.TryAsync(
            tools.Qemu,
            [.. tools.QemuArguments, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "none", "-qmp", "stdio"],
            """{"execute":"qmp_capabilities"} {"execute":"query-migrate-capabilities"} {"execute":"qom-list-types"} {"execute":"quit"}""" + "\n",
            environment: tools.Environment).ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
        return JudgeQemu(tools.QemuVersion, said.Output);
    }

    public static async Task<Finding> TryVirtiofsdAsync(Server server, CancellationToken stop)
    {
        if (server.Tools is not { } tools)
        {
            return ToolsDirectory.Wanted("virtiofsd");
        }

        string[] before = [.. tools.Virtiofsd.Skip(1)];
        var version = await Tool.TryAsync(tools.Virtiofsd[0], [.. before, "--version"]).ConfigureAwait(false);
        var help = await Tool.TryAsync(tools.Virtiofsd[0], [.. before, "--help"]).ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
        return JudgeVirtiofsd(version.Output + version.Error, help.Output + help.Error);
    }

    internal static Finding JudgeQemu(string version, string answers)
    {
        string[] needed = ["x-ignore-shared", "vhost-user-fs-pci", "vmgenid", "virtio-rng-pci", "memory-backend-file"];
        var missing = needed.Where(n => !answers.Contains($"\"{n}\"", StringComparison.Ordinal)).ToArray();
        return !Version.TryParse(Number().Match(version).Value, out var number) || number.Major < 10
            ? Finding.Must("QEMU", version, "older than 10, it cannot suspend hosts with a shared file system", Hint)
            : missing.Length > 0 ? Finding.Must("QEMU", version, $"it lacks {string.Join(", ", missing)}", Hint)
            : Finding.Good("QEMU", $"{version}, suspends hosts with a shared file system");
    }

    internal static Finding JudgeVirtiofsd(string version, string help)
    {
        var number = Version.TryParse(Number().Match(version).Value, out var parsed) ? parsed : new Version(0, 0);
        return number < new Version(1, 11) || !help.Contains("--migration-mode", StringComparison.Ordinal)
            ? Finding.Must("virtiofsd", version.Trim().Split('\n')[0], "older than 1.11, it cannot hand over its open files when a host is suspended", Hint)
            : Finding.Good("virtiofsd", number.ToString());
    }

    [GeneratedRegex(@"\d+\.\d+(\.\d+)?")]
    private static partial Regex Number();
}
