using Safes.Linux;

namespace Safes.Qemu;

/// <summary>Brings files onto the disk. fscrypt encrypts in the thread that asks for writing, so a large file is asked for in parts.</summary>
public static class WriteBack
{
    private const int Page = 4096;

    /// <summary>Writes a file's dirty pages and waits. Not durable by itself.</summary>
    public static Task RunAsync(string file, int threads = 2)
    {
        long part = ((Stat.Find(file)?.Length ?? 0) + threads - 1) / threads;
        part = (part + Page - 1) / Page * Page;
        return part == 0 ? Task.CompletedTask : Task.WhenAll(Enumerable.Range(0, threads).Select(n => Background.Run(() =>
        {
            using var fd = Fcntl.Open(file, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock);
            Fcntl.WriteBack(fd, n * part, part);
        })));
    }

    /// <summary>Writes a file's dirty pages and makes it durable.</summary>
    public static async Task DurablyAsync(string file, int threads)
    {
        if (threads > 1)
        {
            await RunAsync(file, threads).ConfigureAwait(false);
        }

        await Background.Run(() =>
        {
            using var fd = Fcntl.Open(file, Fcntl.ReadOnly | Fcntl.NoFollow | Fcntl.NonBlock);
            Fcntl.Sync(fd, file);
        }).ConfigureAwait(false);
    }
}
