using System.Runtime.InteropServices;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>How every QEMU of a safe is started: unprivileged, sandboxed, in an empty network namespace, without huge pages.</summary>
public static class QemuCommand
{
    /// <param name="arguments">QEMU's, after the common ones (no defaults, no configuration, no display, sandbox).</param>
    /// <param name="descriptors">Become 3, 4, .. in QEMU.</param>
    /// <param name="emptyNetwork">The pin of an empty network namespace; null: a new one.</param>
    /// <param name="hasNoNetwork">True: this process is in an empty network namespace itself.</param>
    public static ChildStart Start(Tools tools, IEnumerable<string> arguments, uint user, IReadOnlyList<SafeHandle> descriptors,
        string? emptyNetwork, string log, string? workingDirectory = null, bool hasNoNetwork = false)
    {
        string[] all =
        [
            "--reuid", $"{user}", "--regid", $"{user}", "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
            tools.Qemu, .. tools.QemuArguments, "-nodefaults", "-no-user-config", "-display", "none",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", .. arguments,
        ];
        bool unshares = emptyNetwork is null && !hasNoNetwork;
        return new ChildStart(unshares ? "unshare" : "setpriv", unshares ? ["--net", "setpriv", .. all] : all)
        {
            Environment = tools.Environment,
            Descriptors = descriptors,
            NetworkNamespace = hasNoNetwork ? null : emptyNetwork,
            LogFile = log,
            NoHugePages = true,
            NoCore = true,
            WorkingDirectory = workingDirectory,
        };
    }
}
