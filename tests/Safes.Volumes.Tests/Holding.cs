using System.IO.MemoryMappedFiles;
using System.IO.Pipes;
using System.Net.Sockets;
using Safes.Linux;

namespace Safes.Volumes.Tests;

/// <summary>Things that keep a volume busy, to be let go by disposing them.</summary>
internal sealed class Holding(int pid, Func<Task> release) : IAsyncDisposable
{
    private bool released;

    public int Pid { get; } = pid;

    public static Task<Holding> OfAsync(HoldKind kind, TestVolume test) => kind switch
    {
        HoldKind.WorkingDirectory => ProcessAsync("sh", ["-c", $"cd {test.Safe}/share && echo held && exec sleep 1000"]),
        HoldKind.OpenFile => ProcessAsync("sh", ["-c", $"exec 3<{test.Safe}/share/plan && echo held && exec sleep 1000"]),
        HoldKind.OtherNamespace => ProcessAsync("unshare", ["--mount", "--propagation", "private", "sh", "-c", "echo held; exec sleep 1000"]),
        HoldKind.SecondMount => SecondMountAsync(test),
        HoldKind.LoopDevice => LoopAsync(test),
        HoldKind.PinnedNamespace => PinnedNamespaceAsync(test),
        HoldKind.Mapping => Task.FromResult(Mapping(test)),
        HoldKind.Watch => Task.FromResult(Watch(test)),
        HoldKind.BoundSocket => Task.FromResult(BoundSocket(test)),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>A child that says "held" once it holds.</summary>
    public static async Task<Holding> ProcessAsync(string program, string[] arguments)
    {
        using var output = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        var child = Child.Start(new ChildStart(program, arguments) { Output = output.ClientSafePipeHandle });
        output.DisposeLocalCopyOfClientHandle();
        using var reader = new StreamReader(output);
        Assert.Equal("held", await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(10)));
        return new Holding(child.Pid, async () =>
        {
            child.KillGroup();
            await child.Exited;
            child.Dispose();
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (!released)
        {
            released = true;
            await release();
        }
    }

    private static async Task<Holding> SecondMountAsync(TestVolume test)
    {
        string second = Path.Combine(test.Place, "second");
        Directory.CreateDirectory(second);
        await Tool.RunAsync("mount", ["--bind", $"{test.Safe}/share", second]);
        return new Holding(0, () => Tool.RunAsync("umount", [second]));
    }

    private static async Task<Holding> LoopAsync(TestVolume test)
    {
        test.Volume.Root.Allocate("share/disk", 1 << 20);
        string loop = (await Tool.RunAsync("losetup", ["--find", "--show", $"{test.Safe}/share/disk"])).Trim();
        return new Holding(0, () => Tool.RunAsync("losetup", ["--detach", loop]));
    }

    private static async Task<Holding> PinnedNamespaceAsync(TestVolume test)
    {
        // A namespace where no process lives. Its pin must lie on a private mount.
        string place = Path.Combine(test.Place, "pins"), pin = Path.Combine(place, "mnt");
        Directory.CreateDirectory(place);
        await Tool.RunAsync("mount", ["--bind", "--make-private", place, place]);
        try
        {
            File.WriteAllText(pin, "");
            await MountPin.MakeAsync(pin, "private");
        }
        catch
        {
            await Tool.RunAsync("umount", ["--recursive", place]);
            throw;
        }

        return new Holding(0, () => Tool.RunAsync("umount", ["--recursive", place]));
    }

    private static Holding Mapping(TestVolume test)
    {
        MemoryMappedViewAccessor view;
        using (var file = MemoryMappedFile.CreateFromFile($"{test.Safe}/share/plan"))
        {
            view = file.CreateViewAccessor();    // outlives the descriptor
        }

        return new Holding(Environment.ProcessId, () =>
        {
            view.Dispose();
            return Task.CompletedTask;
        });
    }

    private static Holding Watch(TestVolume test)
    {
        var watcher = new FileSystemWatcher($"{test.Safe}/share") { EnableRaisingEvents = true };
        return new Holding(Environment.ProcessId, () =>
        {
            watcher.Dispose();
            return Task.CompletedTask;
        });
    }

    private static Holding BoundSocket(TestVolume test)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint($"{test.Safe}/share/socket"));
        return new Holding(Environment.ProcessId, () =>
        {
            socket.Dispose();
            return Task.CompletedTask;
        });
    }
}
