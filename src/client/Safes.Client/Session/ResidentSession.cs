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
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(150), QuickLeave = TimeSpan.FromSeconds(10), PromptLimit = TimeSpan.FromMinutes(6), FirewallLook = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource leaving = new();
    private readonly SemaphoreSlim renewing = new(1), telling = new(1);
    private volatile Action<Step>? leavingSteps;
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
            using var place = SessionPlace.Take(profile);
            using var over = new CancellationTokenSource();
            var serving = place.ServeAsync(AnswerAsync, over.Token);
            if (Statfs.NetworkOf(profile.Home) is { } network)
            {
                pipes.Tell(new Report(ReportKind.Notice, "this device", $"{profile.Home} lies on {network}: its keys are read over the network, and another computer with this home cannot hold the safe, too"));
            }

            try
            {
                await OpenAsync(pipes, stop).ConfigureAwait(false);
                pipes.Tell(new Report(ReportKind.Finished));
                pipes.Detach();
                await HoldAsync(serving, over, stop).ConfigureAwait(false);
            }
            finally
            {
                // Whoever takes the place next finds nothing of this one.
                await over.CancelAsync().ConfigureAwait(false);
                await EndAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            pipes.Tell(Report.Failure(e as FaultException ?? new FaultException(FaultCodes.Internal, ("what", $"{e.GetType().Name}: {e.Message}"))));
        }
    }

    public void Dispose()
    {
        leaving.Dispose();
        renewing.Dispose();
        telling.Dispose();
    }

    private async Task OpenAsync(SessionPipes pipes, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(pipes.StarterGone, stop);
        open = await new SafeOpening(profile, new Steps(pipes.Tell), () => pipes.AskPasswordAsync(profile.Name)).RunAsync(either.Token).ConfigureAwait(false);
        File.Delete(profile.EndedPath);
        try
        {
            ssh = new SshAccess(profile, open.Server, open.Opened, open.Look);
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

    private async Task HoldAsync(Task<string> serving, CancellationTokenSource over, CancellationToken stop)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(leaving.Token, over.Token);
        _ = LeaveWhenUnreachableAsync(serving);
        _ = KeepFirewallAsync(held.Token);
        var certifying = ssh!.KeepAsync(held.Token);
        var lease = KeepAsync(held.Token);
        var watching = new InsideWatch(() => open!.Server, Notice, step => leavingSteps?.Invoke(step)).RunAsync(over.Token);
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
        await Task.WhenAny(Task.WhenAll(serving, certifying, watching), Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None)).ConfigureAwait(false);
    }

    /// <summary>An administrator's reload of his firewall takes all rules away, and would leave this device open to the gateway.</summary>
    private async Task KeepFirewallAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(FirewallLook);
        bool failed = false;
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
            {
                try
                {
                    if (!await open!.Tunnel.KeepFirewallAsync().ConfigureAwait(false))
                    {
                        OriginTerminal.Write(terminal, $"safe: note:  {profile.Name}: the rules that keep the gateway from this computer had been taken away, and are there again\n");
                    }

                    failed = false;
                }
                catch (Exception e) when (e is FaultException or LinuxException)
                {
                    if (!failed)
                    {
                        failed = true;
                        OriginTerminal.Write(terminal, $"safe: note:  {profile.Name}: nothing keeps the gateway from this computer any more ({Printable.Line(e.Message)}): safe doctor\n");
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The session ends.
        }
    }

    // Nobody could tell it to leave any more, and it would hold the safe open for ever.
    private async Task LeaveWhenUnreachableAsync(Task<string> serving)
    {
        if (await serving.ConfigureAwait(false) is { Length: > 0 } why)
        {
            OriginTerminal.Write(terminal, $"\nsafe: note:  your session of '{profile.Name}' leaves: {Printable.Line(why)}\n");
            await LeaveAsync(_ => Task.CompletedTask, QuickLeave).ConfigureAwait(false);
        }
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
                end = await new Lease(held.Server, held.Tunnel, held.Opened, asked: Remind).KeepAsync(present.Token).ConfigureAwait(false);
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
        if (ssh is not { IsReady: true })
        {
            throw SessionHolder.Current.Busy("it still opens the safe");
        }

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
            ["inside"] = Convert.ToHexStringLower(open.Server.InsidePin.Span),
            ["account"] = open.Opened.Account,
            ["directory"] = profile.SessionDirectory,
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
        leavingSteps = step => _ = TellStepAsync(write, step);
        try
        {
            var request = new LeaveRequest { Session = open!.Opened.Session };
            await foreach (var progress in open.Server.Calls.StreamAsync((c, o) => c.Leave(request, o), limit, CancellationToken.None).ConfigureAwait(false))
            {
                if (progress.Step is not null)
                {
                    await TellStepAsync(write, progress.Step).ConfigureAwait(false);
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

    private async Task TellStepAsync(Func<Report, Task> write, Step step)
    {
        await telling.WaitAsync().ConfigureAwait(false);
        try
        {
            var told = new List<Report>();
            ServerSteps.Tell(new Steps(told.Add), step, minor: false);
            await write(told[0]).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // Who asked has gone; the leave goes on.
        }
        finally
        {
            telling.Release();
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
            open.Dispose();
            bool replaced = ended.Task is { IsCompletedSuccessfully: true, Result.Reason: EndReasons.Replaced };
            await open.Tunnel.RemoveAsync(unlessUsed: replaced).ConfigureAwait(false);
        }
    }
}
