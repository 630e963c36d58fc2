namespace Safes.Linux;

/// <summary>Mount namespaces that are kept by a file instead of a process, by unshare(1).</summary>
public static class MountPin
{
    /// <summary>
    /// Makes a namespace and pins it on a file that lies on a private mount. The kernel pins one only in an older one, told by numbers that each
    /// processor draws from a store of its own (Linux 6.18): where this process is in a namespace of its own already, a younger one may have the
    /// lower number, on one processor or the other. So each is tried.
    /// </summary>
    /// <param name="propagation">"slave" or "private".</param>
    /// <exception cref="ToolException">It could be made on none of them.</exception>
    public static async Task MakeAsync(string pin, string propagation)
    {
        string[] unshare = ["unshare", $"--mount={pin}", "--propagation", propagation, "true"];
        var first = await Tool.TryAsync(unshare[0], unshare[1..]).ConfigureAwait(false);
        for (int processor = 0; first.Exit != 0; processor++)
        {
            var next = await Tool.TryAsync("taskset", ["--cpu-list", $"{processor}", .. unshare]).ConfigureAwait(false);
            if (next.Exit == 0)
            {
                return;
            }

            if (processor + 1 >= Environment.ProcessorCount)
            {
                throw new ToolException(unshare[0], unshare[1..], $"exit status {first.Exit}", first);
            }
        }
    }
}
