using System.Runtime.InteropServices;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>How every QEMU of a safe is started: unprivileged, sandboxed, in an empty network namespace, without huge pages.</summary>
public static class QemuCommand
{
    /// <param name="arguments">QEMU's, after the common ones (no defaults, no configuration, no display, sandbox).</param>
    /// <param name="descriptors">Become 3, 4, .. in QEMU.</param>
    /// <param name="emptyNetwork">The pin of an empty network namespace; null: a new one.</param>
    public static ChildStart Start(Tools tools, IEnumerable<string> arguments, uint user, IReadOnlyList<SafeHandle> descriptors,
        string? emptyNetwork, string log, string? workingDirectory = null)
    {
        string[] all =
        [
            "--reuid", $"{user}", "--regid", $"{user}", "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
            tools.Qemu, .. tools.QemuArguments, "-nodefaults", "-no-user-config", "-display", "none",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", .. arguments,
        ];
        return new ChildStart(emptyNetwork is null ? "unshare" : "setpriv", emptyNetwork is null ? ["--net", "setpriv", .. all] : all)
        {
            Environment = tools.Environment,
            Descriptors = descriptors,
            NetworkNamespace = emptyNetwork,
            LogFile = log,
            NoHugePages = true,
            NoCore = true,
            WorkingDirectory = workingDirectory,
        };
    }
}
