using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Connection;
using Safes.Client.Opening;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Session;

/// <summary>
/// The resident part of an open safe: opens it for the command that started it, then holds it open by itself. It owns tunnel,
/// connection, lease, SSH key and certificates, and takes all of them away when it ends.
/// </summary>
public sealed class ResidentSession(SafeProfile profile, string? terminal) : IDisposable
{
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(150), QuickLeave = TimeSpan.FromSeconds(10), PromptLimit = TimeSpan.FromMinutes(6);

    private readonly CancellationTokenSource leaving = new();
    private readonly SemaphoreSlim renewing = new(1);
    private readonly Lock exchange = new();
    private CancellationTokenSource? keeping;
    private volatile Task exchanging = Task.CompletedTask;
    private readonly TaskCompletionSource<SessionEnd> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private OpenedSafe? open;
    private SshAccess? ssh;

    /// <summary>Until the session ends.</summary>
    /// <param name="passwordPipe">The password comes by it; its end tells that the starter has gone.</param>
    /// <param name="reportPipe">Reports go out by it until the safe is open.</param>
    /// <param name="stop">Asks it to leave.</param>
    public async Task RunAsync(SafeFileHandle passwordPipe, SafeFileHandle reportPipe, CancellationToken stop)
    {
        using var pipes = new SessionPipes(passwordPipe, reportPipe);
        try
        {
            profile.Places.MakeRuntime();
            using var door = await SessionDoor.OpenAsync(profile.SocketPath, stop).ConfigureAwait(false);
            await OpenAsync(pipes, stop).ConfigureAwait(false);
            pipes.Tell(new Report(ReportKind.Finished));
            pipes.Detach();
            await HoldAsync(door, stop).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            pipes.Tell(Report.Failure(e as FaultException ?? new FaultException(FaultCodes.Internal, ("what", $"{e.GetType().Name}: {e.Message}"))));
        }
        finally
        {
            await EndAsync().ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        leaving.Dispose();
        renewing.Dispose();
    }

    private async Task OpenAsync(SessionPipes pipes, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(pipes.StarterGone, stop);
        open = await new SafeOpening(profile, new Steps(pipes.Tell), () => pipes.AskPasswordAsync(profile.Name)).RunAsync(either.Token).ConfigureAwait(false);
        File.Delete(profile.EndedPath);
        try
        {
            ssh = new SshAccess(profile, open.Server, open.Opened);
            await ssh.BeginAsync(either.Token).ConfigureAwait(false);
            either.Token.ThrowIfCancellationRequested();
        }
        catch
        {
            // It was given up in the last moment, or is of no use: nothing stays half open.
            await LeaveAsync(_ => Task.CompletedTask, QuickLeave).ConfigureAwait(false);
            throw;
        }
    }

    private async Task HoldAsync(SessionDoor door, CancellationToken stop)
    {
        using var over = new CancellationTokenSource();
        using var held = CancellationTokenSource.CreateLinkedTokenSource(leaving.Token, over.Token);
        var serving = door.ServeAsync(AnswerAsync, over.Token);
        var certifying = ssh!.KeepAsync(held.Token);
        var lease = KeepAsync(held.Token);
        using var asked = stop.Register(() => _ = LeaveAsync(_ => Task.CompletedTask, QuickLeave));
        try
        {
            ended.TrySetResult(await lease.ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The person leaves; LeaveAsync says when that is done.
        }

        var end = await ended.Task.ConfigureAwait(false);
        Record(end);
        await over.CancelAsync().ConfigureAwait(false);
        await Task.WhenAny(Task.WhenAll(serving, certifying), Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None)).ConfigureAwait(false);
    }

    /// <summary>One lease after the other: each renewal puts a new session in the place of the one that is held.</summary>
    private async Task<SessionEnd> KeepAsync(CancellationToken stop)
    {
        while (true)
        {
            OpenedSafe held;
            using var present = CancellationTokenSource.CreateLinkedTokenSource(stop);
            lock (exchange)
            {
                (held, keeping) = (open!, present);
            }

            SessionEnd? end = null;
            try
            {
                end = await new Lease(held.Server, held.Tunnel, held.Opened, Notice, asked: Remind).KeepAsync(present.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                // It was renewed.
            }

            // The server ends the old session before this side has the new one in hand, or has asked again because the answer was lost.
            await exchanging.WaitAsync(stop).ConfigureAwait(false);

            lock (exchange)
            {
                keeping = null;
                if (end is not null && held == open)
                {
                    return end;
                }
            }

            held.Server.Dispose();
        }
    }

    /// <summary>A new session of this device, through the tunnel and beside the connection of the old one. Where it is refused, the old one goes on.</summary>
    private async Task RenewAsync(SessionVisitor visitor, CancellationToken stop)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(stop, leaving.Token);
        await renewing.WaitAsync(time.Token).ConfigureAwait(false);
        SessionTerm? before = null;
        var exchanged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            before = open!.Term;
            var steps = new Steps(visitor.Tell);
            var tunnel = DeviceTunnel.Of(open!.Tunnel.Settings, open.Tunnel.How);
            async Task<SecretBuffer> AskAsync()
            {
                var password = await visitor.AskPasswordAsync(profile.Name, PromptLimit, time.Token).ConfigureAwait(false);
                exchanging = exchanged.Task;
                return password;
            }

            var fresh = await new SafeOpening(profile, steps, AskAsync) { Renews = TimeSpan.FromSeconds(open.Opened.LeaseSeconds) }
                .RunAsync(time.Token, _ => Task.FromResult((new Server(profile.Address, profile.Keys), tunnel))).ConfigureAwait(false);
            lock (exchange)
            {
                open = fresh with { Tunnel = open.Tunnel };
                keeping?.Cancel();
            }

            await ssh!.GoOnAsync(fresh.Server, CancellationToken.None).ConfigureAwait(false);
        }
        catch (FaultException) when (open!.Term != before)
        {
            // It is renewed; the certificate of before is good for minutes, and is asked for again until then.
        }
        finally
        {
            exchanged.SetResult();
            renewing.Release();
        }
    }

    private async Task AnswerAsync(string word, SessionVisitor visitor, CancellationToken stop)
    {
        switch (word)
        {
            case SessionWords.Info:
                await visitor.TellAsync(Info()).ConfigureAwait(false);
                break;
            case SessionWords.Refresh:
                await ssh!.RefreshAsync(stop).ConfigureAwait(false);
                await visitor.TellAsync(new Report(ReportKind.Finished)).ConfigureAwait(false);
                break;
            case SessionWords.Renew:
                await RenewAsync(visitor, stop).ConfigureAwait(false);
                await visitor.TellAsync(Info()).ConfigureAwait(false);
                await visitor.TellAsync(new Report(ReportKind.Finished)).ConfigureAwait(false);
                break;
            case SessionWords.Wait:
                await visitor.TellAsync((await ended.Task.ConfigureAwait(false)).ToReport()).ConfigureAwait(false);
                break;
            case SessionWords.Leave:
                await LeaveAsync(visitor.TellAsync, LeaveLimit).ConfigureAwait(false);
                break;
            default:
                throw new FaultException(FaultCodes.BadRequest, ("what", "an unknown word"));
        }
    }

    private Report Info() => new(ReportKind.Value, profile.Name)
    {
        Details = new()
        {
            ["zone"] = open!.Opened.Zone,
            ["session"] = Convert.ToHexStringLower(open.Opened.Session.Span),
            ["account"] = open.Opened.Account,
            ["directory"] = profile.RuntimeDirectory,
            ["pid"] = $"{Environment.ProcessId}",
            ["lease_seconds"] = $"{open.Opened.LeaseSeconds}",
            ["tunnel"] = open.Tunnel.Settings.Interface,
            ["left_seconds"] = open.Term.IsLimited ? $"{open.Term.Left(BootClock.Now).TotalSeconds:0}" : "",
            ["ends_soon"] = open.Term.EndsSoon(BootClock.Now) ? "yes" : "",
        },
    };

    private async Task LeaveAsync(Func<Report, Task> write, TimeSpan limit)
    {
        await leaving.CancelAsync().ConfigureAwait(false);
        await renewing.WaitAsync(CancellationToken.None).ConfigureAwait(false);    // one that was under way has just been given up
        renewing.Release();
        string detail = "";
        try
        {
            var request = new LeaveRequest { Session = open!.Opened.Session };
            await foreach (var progress in open.Server.Calls.StreamAsync((c, o) => c.Leave(request, o), limit, CancellationToken.None).ConfigureAwait(false))
            {
                if (progress.Step is not null)
                {
                    var told = new List<Report>();
                    ServerSteps.Tell(new Steps(told.Add), progress.Step, minor: false);
                    await write(told[0]).ConfigureAwait(false);
                }
                else if (progress.Left is { } left)
                {
                    detail = left.Closed ? "closed" : "open";
                    await write(new Report(ReportKind.Value, "left", detail) { Details = new() { ["held_by"] = string.Join(", ", left.HeldBy) } }).ConfigureAwait(false);
                }
            }

            await write(new Report(ReportKind.Finished)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is FaultException or IOException)
        {
            // The server could not be told, or the one who asked has gone. The session ends all the same, and the lease with it.
            try
            {
                await write(e is FaultException f ? Report.Failure(f) : new Report(ReportKind.Finished)).ConfigureAwait(false);
            }
            catch (IOException)
            {
                // Gone.
            }
        }
        finally
        {
            ended.TrySetResult(new SessionEnd(SessionEnd.Left, detail, DateTimeOffset.Now));
        }
    }

    private void Notice(Notice notice)
    {
        if (notice.Hosts.Count > 0)
        {
            ssh!.Changed();
        }

        if (notice.Text.Length > 0)
        {
            OriginTerminal.Write(terminal, $"safe: note:  {profile.Name}: {Printable.Line(notice.Text)}\n");
        }
    }

    private void Remind()
    {
        var (term, now) = (open!.Term, BootClock.Now);
        if (term.IsWarningDue(now))
        {
            OriginTerminal.Write(terminal, $"\nsafe: note:  {TermWords.Ends(profile.Name, term.Left(now), DateTimeOffset.Now)}\n");
        }
    }

    private void Record(SessionEnd end)
    {
        if (!end.Wanted)
        {
            PrivateFile.Write(profile.EndedPath, JsonSerializer.SerializeToUtf8Bytes(end.ToReport(), ReportJson.Default.Report));
            OriginTerminal.Write(terminal, EndWords.Of(profile.Name, end));
        }
    }

    private async Task EndAsync()
    {
        ssh?.End();
        if (open is not null)
        {
            await open.Tunnel.RemoveAsync().ConfigureAwait(false);
            open.Dispose();
        }
    }
}
