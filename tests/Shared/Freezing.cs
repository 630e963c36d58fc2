using Safes.Linux;

namespace Safes.Tests;

/// <summary>A frozen file system (fsfreeze) in the place of storage that does not answer.</summary>
internal static class Freezing
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(2);

    /// <summary>Whether it holds up who writes to a loop device on a file of it: with Linux 6.1 it does not.</summary>
    public static async Task<bool> HoldsLoopsAsync(string directory)
    {
        string file = Path.Combine(directory, "freezing");
        await Tool.RunAsync("dd", ["if=/dev/zero", $"of={file}", "bs=1M", "count=1", "conv=fsync"]);
        string loop = (await Tool.RunAsync("losetup", ["--find", "--show", "--direct-io=on", file])).Trim();
        try
        {
            await Tool.RunAsync("fsfreeze", ["--freeze", directory]);
            Child? writer = null;
            bool held;
            try
            {
                writer = Child.Start(new ChildStart("dd", ["if=/dev/zero", $"of={loop}", "bs=4096", "count=1", "oflag=direct"]));
                held = await writer.WaitAsync(Moment) is null;
            }
            finally
            {
                await Tool.RunAsync("fsfreeze", ["--unfreeze", directory]);
            }

            await writer.Exited;
            writer.Dispose();
            return held;
        }
        finally
        {
            await Tool.RunAsync("losetup", ["--detach", loop]);
            File.Delete(file);
        }
    }
}
