using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>
/// A disk of the server's that can lose its power, fail or fall silent: a file that QEMU's storage daemon serves by FUSE, a loop device on
/// it, a file system on that. The kernel sees a disk with a write cache. What it is told is written down, and so is what it was told last.
/// </summary>
internal sealed class ServerDisk(Options options, string mountPoint) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Child? daemon;

    /// <summary>What is on the disk for certain: it is the disk's content when it starts.</summary>
    public string Durable => In("durable");

    /// <summary>What it was told since it started.</summary>
    public string Log => In("log");

    /// <summary>How much of the log there is now.</summary>
    public long Logged => new FileInfo(Log).Length;

    /// <summary>A new, empty one, started and mounted.</summary>
    public async Task MakeAsync(long bytes)
    {
        Directory.CreateDirectory(In(""));
        await using (var file = File.Create(Durable))
        {
            file.SetLength(bytes);
        }

        // A mount namespace that somebody makes meanwhile has a copy of ours; where the parent is shared, unmounting it here unmounts that one.
        await Tool.RunAsync("mount", ["--bind", "--make-shared", options.Home, options.Home]);

        // As Debian's installer makes them, and as an administrator who cares has them.
        await Tool.RunAsync("mkfs.ext4", ["-q", "-e", "remount-ro", Durable]);
        await StartAsync();
    }

    public async Task StartAsync()
    {
        await Tool.RunAsync("cp", ["--sparse=always", Durable, In("content")]);
        foreach (string file in (string[])["log", "export"])
        {
            await File.WriteAllBytesAsync(In(file), []);
        }

        var tools = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(options.Tools, "tools.json"))).RootElement;
        daemon?.Dispose();
        daemon = Child.Start(new ChildStart(
            Path.Combine(Path.GetDirectoryName(tools.GetProperty("qemuImg").GetString())!, "qemu-storage-daemon"),
            [
                "--blockdev", $"driver=blklogwrites,node-name=good,file.driver=file,file.filename={In("content")},log.driver=file,log.filename={In("log")},log-sector-size=512",
                // Writes and flushes fail, reads do not: so a disk dies that has no spare sectors left.
                "--blockdev", """{"driver":"blkdebug","node-name":"bad","image":"good","inject-error":[{"event":"none","iotype":"write","errno":5},{"event":"none","iotype":"flush","errno":5}]}""",
                "--blockdev", "driver=raw,node-name=disk,file=good",
                "--export", $"type=fuse,id=export,node-name=disk,mountpoint={In("export")},writable=on",
                "--chardev", $"socket,id=qmp,path={In("qmp")},server=on,wait=off", "--monitor", "chardev=qmp",
            ])
        {
            Environment = new Dictionary<string, string>(ChildStart.DefaultEnvironment
                .Concat(tools.GetProperty("qemuEnvironment").EnumerateObject().Select(p => KeyValuePair.Create(p.Name, p.Value.GetString()!)))),
            LogFile = In("daemon.log"),
        });
        for (TimeSpan end = BootClock.Now + Patience; new FileInfo(In("export")).Length == 0; await Task.Delay(20))
        {
            if (daemon.Exited.IsCompleted || BootClock.Now > end)
            {
                throw new InvalidOperationException($"the storage daemon serves nothing: {await File.ReadAllTextAsync(In("daemon.log"))}");
            }
        }

        string loop = (await Tool.RunAsync("losetup", ["--find", "--show", In("export")])).Trim();
        Directory.CreateDirectory(mountPoint);
        await Tool.RunAsync("mount", [loop, mountPoint]);
    }

    /// <summary>The power goes: from now on nothing is written down, and every request fails.</summary>
    public async Task CutAsync()
    {
        daemon!.Kill();
        await daemon.Exited;
    }

    /// <summary>A moment between two requests, at or after <paramref name="from"/>: the cut is as good there as where it was.</summary>
    public long Moment(Random random, long from) =>
        WriteLog.Read(In("log")).EndsAfter(from) is { Count: > 0 } ends ? ends[random.Next(ends.Count)] : Logged;

    /// <summary>Makes of what was durable and of the log up to the cut what the disk holds after it.</summary>
    public (int Durable, int Late) Settle(Random random, long cut) => WriteLog.Read(In("log"), cut).Replay(Durable, random);

    /// <summary>
    /// Answers no write and no flush any more, as storage does whose cable is out; or answers again, also what was asked meanwhile. Frozen at
    /// the file system: a stopped daemon would also hang everybody who asks the kernel about loop devices, of which a real disk is none.
    /// </summary>
    public Task AnswerAsync(bool yes) => Tool.RunAsync("fsfreeze", [yes ? "--unfreeze" : "--freeze", mountPoint]);

    /// <summary>From now on writes and flushes fail, until it is replaced.</summary>
    public async Task FailAsync()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(In("qmp")));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        await reader.ReadLineAsync();
        foreach (string command in (string[])
            ["""{"execute":"qmp_capabilities"}""", """{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"raw","node-name":"disk","file":"bad"}]}}"""])
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(command + "\n"));
            string? said = await reader.ReadLineAsync();
            if (said?.Contains("\"return\"", StringComparison.Ordinal) != true)
            {
                throw new InvalidOperationException($"the storage daemon says: {said}");
            }
        }
    }

    /// <summary>As an administrator does with a disk that had errors: unmounted, copied onto a good one, checked, mounted.</summary>
    public async Task ReplaceAsync()
    {
        string loop = (await Tool.RunAsync("findmnt", ["-no", "SOURCE", mountPoint])).Trim();
        await Tool.RunAsync("umount", [mountPoint]);
        await Tool.RunAsync("losetup", ["--detach", loop]);
        await CutAsync();
        await Tool.RunAsync("umount", [In("export")]);
        File.Move(In("content"), Durable, overwrite: true);
        var check = await Tool.TryAsync("e2fsck", ["-p", Durable]);
        if (check.Exit > 1)
        {
            throw new InvalidOperationException($"e2fsck ended with {check.Exit}: {check.Output}{check.Error}");
        }

        await StartAsync();
    }

    public void Dispose() => daemon?.Dispose();

    private string In(string file) => Path.Combine(options.Home, "disk", file);
}
