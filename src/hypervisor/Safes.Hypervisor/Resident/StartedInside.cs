using System.Net.Sockets;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Safes.Contracts.Link;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Link;
using Safes.Hypervisor.Within;
using Safes.Linux;
using Safes.Roster;

namespace Safes.Hypervisor.Resident;

/// <summary>
/// An inside process as safed has it: started, warmed with nothing in it, given the volume at an opening, and ended by its descriptor before the
/// key goes. What it asks for is given by <see cref="InsideDesk"/>.
/// </summary>
public sealed class StartedInside : Wire<ToInside, ToResident>
{
    /// <summary>In bytes: of a roster that goes over in one message.</summary>
    private const int Part = 64 << 10;

    private readonly Child child;
    private readonly InsideDesk desk;
    private readonly InsideView view;

    private StartedInside(Child child, Socket socket, InsideDesk desk, InsideView view)
        : base(socket, ToResident.Parser) => (this.child, this.desk, this.view) = (child, desk, view);

    public PidFd Process => child.PidFd;

    public bool IsAlive => !child.Exited.IsCompleted && !Ended.IsCompleted;

    /// <summary>SHA-256 of the SPKI of the key that it made; empty until it is prepared.</summary>
    public byte[] Pin { get; private set; } = [];

    /// <summary>It has been given a volume, so it is never given another.</summary>
    public bool IsUsed { get; private set; }

    /// <summary>Completes when the process has ended, whichever end of the wire was first.</summary>
    public Task Exited => child.Exited;

    /// <summary>Starts one.</summary>
    /// <exception cref="LinuxException">It could not be started.</exception>
    public static StartedInside Start(SafeParts parts, string mountPoint, InsideDesk desk)
    {
        var paths = parts.Paths;
        Directory.CreateDirectory(paths.Hosts, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(mountPoint);
        var view = new InsideView(paths, mountPoint, parts.Tools, parts.Premises.Images.Values);
        var (mine, theirs) = Rights.Pair();
        using var handed = theirs;
        using var error = new Microsoft.Win32.SafeHandles.SafeFileHandle(2, ownsHandle: false);
        string[] program = [.. OwnProgram.With(InsideProcess.Word)];
        var child = Child.Start(new ChildStart(
            "setpriv", ["--no-new-privs", "--bounding-set", InsideView.Capabilities, "--inh-caps=-all", .. program])
        {
            Descriptors = [theirs.SafeHandle],
            NetworkNamespace = paths.EmptyPin,
            View = view.Make,
            Error = error,
            Output = error,
            NoCore = true,
            WorkingDirectory = "/",
            Environment = new Dictionary<string, string>(ChildStart.DefaultEnvironment)
            {
                ["DOTNET_EnableDiagnostics"] = "0",
                ["DOTNET_gcConcurrent"] = "0",
                ["DOTNET_GCgen0size"] = "200000",
                ["DOTNET_TieredPGO"] = "0",
                ["TMPDIR"] = view.Temporary,
                [Failpoint.Variable] = Environment.GetEnvironmentVariable(Failpoint.Variable) ?? "",
            },
        });
        var started = new StartedInside(child, mine, desk, view);
        started.Begin("inside");
        return started;
    }

    /// <summary>Has it made ready, with nothing in it that anybody put there.</summary>
    public async Task PrepareAsync(Standing standing, CancellationToken stop)
    {
        using var answer = await AskAsync(new ToInside { Standing = standing }, stop).ConfigureAwait(false);
        Pin = Numbers.Bytes(answer.Message.Answer.Pin);
    }

    /// <summary>Gives it the volume that is mounted.</summary>
    public async Task GiveVolumeAsync()
    {
        IsUsed = true;
        await view.GiveVolumeAsync(Process.Pid).ConfigureAwait(false);
    }

    /// <summary>Tells it who belongs to the safe.</summary>
    public async Task TellRosterAsync(SafeRoster roster, CancellationToken stop)
    {
        RosterPart part = new() { First = true };
        foreach (var entry in roster.Entries)
        {
            if (part.CalculateSize() + entry.Bytes.Length > Part)
            {
                await DoAsync(new ToInside { Roster = part }, stop).ConfigureAwait(false);
                part = new RosterPart();
            }

            part.Entries.Add(ByteString.CopyFrom(entry.Bytes.Span));
        }

        part.Last = true;
        await DoAsync(new ToInside { Roster = part }, stop).ConfigureAwait(false);
    }

    /// <summary>Orders something and hears what came of it.</summary>
    public async Task<InsideAnswer> OrderAsync(ToInside order, CancellationToken stop)
    {
        using var answer = await AskAsync(order, stop).ConfigureAwait(false);
        return answer.Message.Answer;
    }

    /// <summary>Ends it at once, and waits; false: it is still there when the limit has passed.</summary>
    public async Task<bool> EndAsync(TimeSpan limit)
    {
        child.Kill();
        bool ended = await child.WaitAsync(limit).ConfigureAwait(false) is not null;
        if (ended)
        {
            Dispose();
        }

        return ended;
    }

    /// <summary>Answers what it has asked.</summary>
    internal void Answer(ulong call, ResidentAnswer answer, params IReadOnlyList<SafeHandle> descriptors) =>
        Tell(new ToInside { Call = call, Answer = answer }, descriptors);

    public override void Dispose()
    {
        base.Dispose();
        child.Dispose();
    }

    protected override void Number(ToInside message, ulong call) => message.Call = call;

    protected override ulong? Answers(ToResident message) => message.WhatCase == ToResident.WhatOneofCase.Answer ? message.Call : null;

    protected override Exception? FailureIn(ToResident answer) => Numbers.Failure(answer.Answer.Fault, answer.Answer.Errno);

    protected override void Handle(Delivery<ToResident> came) => desk.Take(this, came);
}
