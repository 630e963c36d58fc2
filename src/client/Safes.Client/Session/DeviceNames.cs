using Safes.Client.Ssh;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>
/// The safe's own names, HOST.SAFE, in this device's hosts file while a session lives: nothing of its resolver is changed. Written only by
/// who may (root), and only where the file is that of the network the tunnel is in. Each line says whose it is; all others stay.
/// </summary>
/// <param name="owner">The safe and this device's address in it: two devices' sessions on one machine do not take away each other's.</param>
public sealed class DeviceNames(string file, string owner)
{
    public const string HostsFile = "/etc/hosts";

    private string Tag => $"# host of the safe {owner}";

    /// <summary>Null where this process may not, or is in a network of its own: `safe net names` shows the lines.</summary>
    internal static DeviceNames? Find(string safe, string device) =>
        Unistd.EffectiveUser == 0 && IsOfThisNetwork() ? new DeviceNames(HostsFile, $"{safe}, for {device}") : null;

    public static IEnumerable<string> Lines(string zone, IEnumerable<SshHost> hosts) =>
        hosts.OrderBy(h => h.Name, StringComparer.Ordinal).Select(h => $"{h.Address} {h.Name}.{zone}");

    /// <summary>Puts exactly these hosts there; what a session that was killed left of the same owner goes. False: the file cannot be written.</summary>
    public bool Write(string zone, IEnumerable<SshHost> hosts) => Replace(Lines(zone, hosts).Select(l => $"{l} {Tag}"));

    public bool Remove() => Replace([]);

    private bool Replace(IEnumerable<string> ours)
    {
        try
        {
            string before = File.Exists(file) ? File.ReadAllText(file) : "";
            string[] kept = [.. before.Split('\n').Where(l => !l.EndsWith(Tag, StringComparison.Ordinal))];
            string rest = string.Join('\n', kept), lines = string.Concat(ours.Select(l => l + "\n"));
            string after = lines.Length == 0 || rest.Length == 0 || rest.EndsWith('\n') ? rest + lines : $"{rest}\n{lines}";
            if (after != before)
            {
                Store(after);
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Store(string text)
    {
        string fresh = file + ".safes";
        try
        {
            File.WriteAllText(fresh, text);
            File.SetUnixFileMode(fresh, File.Exists(file) ? File.GetUnixFileMode(file) : (UnixFileMode)0b110_100_100);
            File.Move(fresh, file, overwrite: true);
        }
        catch (IOException)
        {
            // In a container it is a mount, and no other file takes its place.
            File.Delete(fresh);
            File.WriteAllText(file, text);
        }
    }

    private static bool IsOfThisNetwork() => new FileInfo("/proc/1/ns/net").LinkTarget is { } machine && machine == new FileInfo("/proc/self/ns/net").LinkTarget;
}
