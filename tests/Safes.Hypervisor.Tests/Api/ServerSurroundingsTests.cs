using Safes.Linux;

namespace Safes.Hypervisor.Tests.Api;

/// <summary>What a server takes from where it was started: nothing.</summary>
public sealed class ServerSurroundingsTests
{
    [Fact]
    public async Task A_server_watches_no_files_where_it_was_started()
    {
        // A watch below the working directory would reach into an open volume that is mounted there, and hold it.
        ulong here = Stat.Find(Environment.CurrentDirectory, follow: true)!.Value.Inode;
        await using var safe = await LoopbackSafe.StartAsync();
        await safe.OpenAsync(safe.Connect(safe.Ledger.Anna), safe.Ledger.Anna);
        Assert.DoesNotContain(Watches(), w => w.Contains($" ino:{here:x} ", StringComparison.Ordinal));
    }

    private static IEnumerable<string> Watches()
    {
        foreach (string descriptor in Directory.GetFiles("/proc/self/fdinfo"))
        {
            string[] lines;
            try
            {
                lines = File.ReadAllLines(descriptor);
            }
            catch (IOException)
            {
                continue;   // closed while we looked
            }

            foreach (string line in lines.Where(l => l.StartsWith("inotify ", StringComparison.Ordinal)))
            {
                yield return line;
            }
        }
    }
}
