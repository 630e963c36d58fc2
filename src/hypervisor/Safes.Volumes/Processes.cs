using System.Globalization;

namespace Safes.Volumes;

/// <summary>/proc, read so that a process that ends meanwhile is no error.</summary>
internal static class Processes
{
    internal static IEnumerable<int> All()
    {
        foreach (string path in Entries("/proc"))
        {
            if (int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out int pid))
            {
                yield return pid;
            }
        }
    }

    internal static string[] Threads(int pid) => Entries($"/proc/{pid}/task");

    internal static string Command(int pid) => Lines($"/proc/{pid}/comm").FirstOrDefault() ?? "";

    internal static string[] Entries(string directory) => Try(() => Directory.GetFileSystemEntries(directory)) ?? [];

    internal static string[] Lines(string file) => Try(() => System.IO.File.ReadAllLines(file)) ?? [];

    /// <summary>Where a link points, as the kernel prints it; empty when it cannot be read.</summary>
    internal static string Link(string link) => Try(() => new FileInfo(link).LinkTarget) ?? "";

    private static T? Try<T>(Func<T?> read)
    {
        try
        {
            return read();
        }
        catch (IOException)
        {
            return default;
        }
        catch (UnauthorizedAccessException)
        {
            return default;
        }
    }
}
