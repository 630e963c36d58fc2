using System.Text;

namespace Safes.Hypervisor.Vaults;

/// <summary>
/// Says of a safe's directory that its `safed init` has not come to its end: written before anything else, taken away after everything. What
/// is there so far is nobody's safe; the next init takes it away and begins anew.
/// </summary>
internal static class Unfinished
{
    private const string Name = "unfinished";
    private const int MostBytes = 4096;

    private static readonly FileOperations Files = new();

    public static bool Is(string state) => File.Exists(Path.Combine(state, Name));

    /// <summary>The volume's file that this init was to make, and may have made; null when none is unfinished.</summary>
    public static string? VolumeOf(string state) => Files.Read(Path.Combine(state, Name), MostBytes) is { } text ? Encoding.UTF8.GetString(text) : null;

    public static void Begin(string state, string volume)
    {
        Files.MakeDirectory(state);
        Files.Replace(Path.Combine(state, Name), Encoding.UTF8.GetBytes(volume));
    }

    public static void End(string state) => Files.Remove(Path.Combine(state, Name));
}
