using System.Text;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Profile;
using Safes.Client.Ssh;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>
/// The safe's own names, HOST.SAFE, in this device's hosts file while a session lives: nothing of its resolver is changed. Written only by
/// who may (root), and only where the file is that of the network the tunnel is in. Each line says whose it is; all others stay.
/// </summary>
/// <param name="owner">The safe and this device's address in it: two devices' sessions on one machine do not take away each other's.</param>
/// <param name="by">Which of the owner's sessions, one after the other: none takes away what a later one has written.</param>
public sealed class DeviceNames(string file, string owner, string by = "")
{
    public const string HostsFile = "/etc/hosts";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // What others wrote may be in any encoding: every byte is one character here, and the same byte again.
    private static readonly Encoding AnyBytes = Encoding.Latin1;

    private string OfOwner => $"# host of the safe {owner}";

    private string Own => by.Length > 0 ? $"{OfOwner}, by {by}" : OfOwner;

    private bool IsOfOwner(string line) => line.EndsWith(OfOwner, StringComparison.Ordinal) || line.Contains($"{OfOwner}, by ", StringComparison.Ordinal);

    /// <summary>Null where this process may not, is in a network of its own, or the file is a link to what something else writes: `safe net names` shows the lines.</summary>
    internal static DeviceNames? Find(string safe, string device) =>
        Unistd.EffectiveUser == 0 && IsOfThisNetwork() && new FileInfo(HostsFile).LinkTarget is null ? new DeviceNames(HostsFile, $"{safe}, for {device}", $"{Guid.NewGuid():n}"[..8]) : null;

    public static IEnumerable<string> Lines(string zone, IEnumerable<SshHost> hosts) =>
        hosts.OrderBy(h => h.Name, StringComparer.Ordinal).Select(h => $"{h.Address} {h.Name}.{zone}");

    /// <summary>Puts exactly these hosts there; what a session that was killed left of the same owner goes. False: the file cannot be written.</summary>
    public bool Write(string zone, IEnumerable<SshHost> hosts) => Replace(Lines(zone, hosts).Select(l => $"{l} {Own}"), IsOfOwner);

    /// <summary>Takes away the lines that this one wrote, and none of a session that has taken its place.</summary>
    public bool Remove() => Replace([], l => l.EndsWith(Own, StringComparison.Ordinal));

    private bool Replace(IEnumerable<string> ours, Func<string, bool> goes)
    {
        try
        {
            using var alone = Alone();
            string before = File.Exists(file) ? File.ReadAllText(file, AnyBytes) : "";
            string[] kept = [.. before.Split('\n').Where(l => !goes(l))];
            string rest = string.Join('\n', kept), lines = string.Concat(ours.Select(l => l + "\n"));
            string after = lines.Length == 0 || rest.Length == 0 || rest.EndsWith('\n') ? rest + lines : $"{rest}\n{lines}";
            if (after != before)
            {
                Store(AnyBytes.GetBytes(after));
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Sessions of several safes change it one after the other; what is locked is its directory, as the file itself is replaced.</summary>
    private SafeFileHandle Alone()
    {
        string directory = Path.GetDirectoryName(file)!;
        var locked = Fcntl.Open(directory, Fcntl.ReadOnly | Fcntl.Directory);
        try
        {
            for (var end = BootClock.Now + Patience; !SysFile.TryLock(locked, directory); Thread.Sleep(10))
            {
                if (BootClock.Now > end)
                {
                    throw new IOException($"{directory} is locked by somebody else");
                }
            }
        }
        catch
        {
            locked.Dispose();
            throw;
        }

        return locked;
    }

    private void Store(byte[] text)
    {
        try
        {
            PrivateFile.Replace(file, text, File.Exists(file) ? File.GetUnixFileMode(file) : (UnixFileMode)0b110_100_100);
        }
        catch (IOException e) when (e.HResult is Errno.Busy or Errno.CrossDevice)
        {
            WriteInPlace(text);     // in a container it is a mount, and no other file takes its place
        }
    }

    // Never empty meanwhile: names of this computer stand first, and stay where they are.
    private void WriteInPlace(byte[] text)
    {
        using var place = Fcntl.Open(file, Fcntl.WriteOnly);
        Unistd.Write(place, text);
        RandomAccess.SetLength(place, text.Length);
        Fcntl.Sync(place, file);
    }

    private static bool IsOfThisNetwork() => new FileInfo("/proc/1/ns/net").LinkTarget is { } machine && machine == new FileInfo("/proc/self/ns/net").LinkTarget;
}
