using System.Globalization;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>The storage below an open volume is full, fails, or does not answer while its last member leaves.</summary>
internal sealed class BrokenStorage : IDisposable
{
    /// <summary>Short, so that what must be away for longer need not be away for minutes.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10), Bound = TimeSpan.FromSeconds(20), Patience = TimeSpan.FromSeconds(90);

    private readonly Options options;
    private readonly Stage stage;
    private readonly World world;
    private readonly Server server;
    private readonly Person anna;
    private readonly ServerDisk disk;
    private readonly Load load;

    public BrokenStorage(Options options, Stage stage)
    {
        (this.options, this.stage) = (options, stage);
        world = new World(options);
        server = new Server(world, options);
        anna = new Person(world, options, "anna", "correct horse battery staple");
        disk = new ServerDisk(options, world.Storage);
        load = new Load(world, disk);
    }

    public async Task HappenAsync()
    {
        stage.Chapter("Broken storage below an open volume");
        Directory.CreateDirectory(options.Home);
        await disk.MakeAsync(400L << 20);
        await world.MakeAsync();
        await anna.IdAsync("laptop");
        await server.InitAsync(anna, "256M", "--lease-seconds", Seconds(Lease), "--challenge-seconds", "3", "--bound-seconds", Seconds(Bound));
        await server.RunAsync();
        await anna.DoAsync(["join", anna.At("ledger.safeaddress"), "--yes"], secret: true);
        await FullAsync();
        await FailingAsync();
        if (await Freezing.HoldsLoopsAsync(world.Storage))
        {
            await SilentAsync();
        }
        else
        {
            Stage.Say("this kernel's loop devices write to a frozen file system, too: storage that does not answer is not tried (./test ServersKernelTests does)");
        }
    }

    private async Task FullAsync()
    {
        await OpenAsync();
        await load.StartAsync();
        await Tool.TryAsync("dd", ["if=/dev/zero", $"of={world.Storage}/filling", "bs=1M", "conv=fsync"]);
        var more = await Tool.TryAsync("dd", ["if=/dev/zero", $"of={world.Storage}/filling", "bs=512", "oflag=append", "conv=notrunc,fsync"]);
        await load.MoreThanAsync(load.Count + 20);
        stage.Fact("on a file system filled to its last block the open volume goes on", more.Error.Contains("No space left", StringComparison.Ordinal));
        await CloseAsync("with the file system below it full it closes");
        await OpenAsync();
        await AllIsThereAsync("it opens there");
        File.Delete(Path.Combine(world.Storage, "filling"));
    }

    private async Task FailingAsync()
    {
        await load.StartAsync();
        await disk.FailAsync();
        bool failed = await Task.WhenAny(load.Ended, Task.Delay(Patience)) == load.Ended;
        var write = await Tool.TryAsync("dd", ["if=/dev/zero", $"of={world.Storage}/new", "bs=512", "count=1", "conv=fsync"]);
        stage.Fact("control: what is written below and in the volume fails", failed && write.Exit != 0, write.Error.Split('\n')[0]);
        await CloseAsync("with a disk that takes neither writes nor flushes the key goes all the same");
        await disk.ReplaceAsync();
        await OpenAsync();
        await AllIsThereAsync("once the disk is replaced it opens");
    }

    private async Task SilentAsync()
    {
        await load.StartAsync();
        await load.StopAsync();
        await load.LeaveUnsyncedAsync();
        await disk.AnswerAsync(false);
        TimeSpan begin = BootClock.Now, slowest = TimeSpan.Zero;
        bool keyGone = false, faulted = false;
        var leaving = anna.SafeAsync(["leave"]);
        // Until its guardian ends it, at the deadline: a process that waits for the storage looks like one that holds the volume.
        while (BootClock.Now - begin < Lease + Bound && !(keyGone && faulted))
        {
            TimeSpan asked = BootClock.Now;
            string status = (await server.SafedAsync(["status", "ledger"])).Output;
            slowest = BootClock.Now - asked > slowest ? BootClock.Now - asked : slowest;
            keyGone |= status.Contains("no key of the volume", StringComparison.Ordinal);
            faulted |= status.Contains("faulted", StringComparison.Ordinal) && status.Contains("the storage does not answer", StringComparison.Ordinal);
        }

        stage.Fact(
            "storage silent: within lease and bound the key is taken from the kernel, and the state says faulted and why", keyGone && faulted,
            string.Create(CultureInfo.InvariantCulture, $"after {(BootClock.Now - begin).TotalSeconds:0.0} s"));
        stage.Fact("safed answered until then", slowest < TimeSpan.FromSeconds(10), string.Create(CultureInfo.InvariantCulture, $"within {slowest.TotalSeconds:0.0} s"));
        while (BootClock.Now - begin < Lease + Bound)
        {
            await Task.Delay(500);
        }

        await disk.AnswerAsync(true);
        var left = await leaving;
        Stage.Show("anna", "safe leave", left.Output + left.Error);
        await server.StopAsync();
        await server.RunAsync();
        stage.Fact("once the storage answers it closes by itself", await server.UntilAsync("closed since", Patience) is not null);
        await server.UntilAsync("up, pid", Patience);
        await OpenAsync();
        await AllIsThereAsync("and opens");
        await CloseAsync("and closes");
    }

    private Task OpenAsync() => anna.DoAsync(["open", "ledger"], secret: true);

    private async Task AllIsThereAsync(string fact)
    {
        var (seen, wrong) = await load.LookAsync();
        stage.Fact($"{fact}, with everything that was synced", wrong is null, wrong ?? seen);
    }

    private async Task CloseAsync(string fact)
    {
        await load.StopAsync();
        TimeSpan begin = BootClock.Now;
        var leave = await anna.SafeAsync(["leave"]);
        Stage.Show("anna", "safe leave", leave.Output + leave.Error);
        bool closed = await server.UntilAsync("closed since", Lease + Bound) is not null;
        TimeSpan took = BootClock.Now - begin;
        string loops = await Tool.RunAsync("losetup", ["--associated", world.Volume]);
        string status = (await server.SafedAsync(["status", "ledger"])).Output;
        stage.Fact(
            fact, closed && took < Lease + Bound && loops.Trim().Length == 0 && status.Contains("no key of the volume", StringComparison.Ordinal),
            string.Create(CultureInfo.InvariantCulture, $"after {took.TotalSeconds:0.0} s {(closed ? "" : status)}"));
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString(CultureInfo.InvariantCulture);

    public void Dispose()
    {
        load.Dispose();
        server.Dispose();
        disk.Dispose();
    }
}
