using Safes.Hypervisor.Guardian;
using Safes.Linux;
using Safes.Volumes.Tests;

namespace Safes.Hypervisor.Tests.Guardian;

/// <summary>An open volume and a guardian, started as `safed guard`. Another process stands in for the daemon, since the guardian ends that.</summary>
internal sealed class Scene : IAsyncDisposable
{
    private readonly Holding stand;

    private Scene(TestVolume test, GuardianOptions options, GuardianClient client, Holding stand)
    {
        Test = test;
        Options = options;
        Client = client;
        this.stand = stand;
        Stand = PidFd.Open(stand.Pid)!;
        GuardianProcess = PidFd.Open(client.Pid)!;
        client.Died += () => Died.SetResult();
    }

    public TestVolume Test { get; }

    public GuardianOptions Options { get; }

    public GuardianClient Client { get; }

    public PidFd Stand { get; }

    public PidFd GuardianProcess { get; }

    public TaskCompletionSource Died { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GuardedVolume Guarded => new(Test.Volume.File, Test.Volume.MountPoint, Test.Key);

    public string Log => File.Exists(Options.Log) ? File.ReadAllText(Options.Log) : "no log";

    /// <param name="reboots">Whether the guardian reboots the server when it cannot close in time.</param>
    /// <param name="on">The directory of the volume's file; null: one of its own.</param>
    public static async Task<Scene> OpenAsync(bool reboots = false, string? on = null)
    {
        var test = await TestVolume.OpenAsync(on);
        var options = new GuardianOptions(test.Place, [Path.Combine(AppContext.BaseDirectory, "safed"), "guard"], reboots);
        var client = await GuardianClient.StartOrConnectAsync(options);
        return new Scene(test, options, client, await Holding.ProcessAsync("sh", ["-c", "echo held; exec sleep 1000"]));
    }

    public Task ArmAsync(TimeSpan deadline) => Client.ArmAsync(Guarded, deadline, Stand);

    public Task<Holding> HoldFilesAsync() =>
        Holding.ProcessAsync("sh", ["-c", $"cd {Test.Safe} && exec 3<{Test.Safe}/share && echo held && exec sleep 1000"]);

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        GuardianProcess.Signal(SignalNumbers.Continue);
        GuardianProcess.Kill();
        GuardianProcess.WaitForEnd(TimeSpan.FromSeconds(5));
        GuardianProcess.Dispose();
        Stand.Dispose();
        await stand.DisposeAsync();
        await Test.DisposeAsync();
    }
}
