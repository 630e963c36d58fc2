using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Doctor;

/// <summary>The server as the checks see it. Its files lie below a root, so that a test can lay out another server's.</summary>
internal sealed record Server(string Root, bool IsRoot, Tools? Tools, string ToolsProblem)
{
    public static async Task<Server> ExamineThisAsync(string? toolsDirectory)
    {
        try
        {
            return new Server("/", Unistd.EffectiveUser == 0, await Tools.LoadAsync(toolsDirectory).ConfigureAwait(false), "");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new Server("/", Unistd.EffectiveUser == 0, null, $"no tools.json in {Tools.DirectoryOf(toolsDirectory)}");
        }
        catch (Exception e) when (e is IOException or System.Text.Json.JsonException or UnauthorizedAccessException)
        {
            return new Server("/", Unistd.EffectiveUser == 0, null, e.Message);
        }
    }

    /// <summary>A file of /proc, /sys or /boot without its last line end; null when it is not there or not readable.</summary>
    public string? Read(string path)
    {
        try
        {
            return File.ReadAllText(Path.Join(Root, path)).TrimEnd();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public bool Has(string path) => Path.Exists(Path.Join(Root, path));

    public IReadOnlyList<string> KernelArguments => Read("proc/cmdline")?.Split(' ') ?? [];

    public string KernelRelease => Read("proc/sys/kernel/osrelease") ?? "unknown";
}
