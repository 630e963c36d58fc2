using System.Text;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>The terminal where a session was opened, hours later: told what happened if it is still there and still ours.</summary>
internal static class OriginTerminal
{
    internal static void Write(string? path, string text)
    {
        if (path is null || !path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            return;
        }

        try
        {
            using var terminal = Fcntl.Open(path, Fcntl.WriteOnly | Fcntl.NonBlock | Fcntl.NoControllingTerminal);
            if (Unistd.IsTerminal(terminal))
            {
                Unistd.Write(terminal, Encoding.UTF8.GetBytes(text.Replace("\n", "\r\n", StringComparison.Ordinal)));
            }
        }
        catch (LinuxException)
        {
            // It has gone, or belongs to somebody else by now; `safe status` tells it too.
        }
    }

    /// <summary>Where a descriptor of this process leads, when that is a terminal.</summary>
    internal static string? Find() => File.ResolveLinkTarget("/proc/self/fd/2", returnFinalTarget: false)?.FullName is { } target
        && (target.StartsWith("/dev/pts/", StringComparison.Ordinal) || target.StartsWith("/dev/tty", StringComparison.Ordinal)) ? target : null;
}
