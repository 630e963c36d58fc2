using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Safes.Client.Connection;
using Safes.Client.Opening;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Client.Session;

/// <summary>
/// The resident part of an open safe: opens it for the command that started it, then holds it open by itself. It owns tunnel,
/// connection, lease, SSH key and certificates, and takes all of them away when it ends.
/// </summary>
public sealed class ResidentSession(SafeProfile profile, string? terminal) : IDisposable
{
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(150), QuickLeave = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource leaving = new();
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

    public void Dispose() => leaving.Dispose();

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
        using var keeping = CancellationTokenSource.CreateLinkedTokenSource(leaving.Token, over.Token);
        var serving = door.ServeAsync(AnswerAsync, over.Token);
        var renewing = ssh!.KeepAsync(keeping.Token);
        var lease = new Lease(open!.Server, open.Tunnel, open.Opened, Notice).KeepAsync(keeping.Token);
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
        await Task.WhenAny(Task.WhenAll(serving, renewing), Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None)).ConfigureAwait(false);
    }

    private async Task AnswerAsync(string word, Func<Report, Task> write, CancellationToken stop)
    {
        switch (word)
        {
            case SessionWords.Info:
                await write(Info()).ConfigureAwait(false);
                break;
            case SessionWords.Refresh:
                await ssh!.RefreshAsync(stop).ConfigureAwait(false);
                await write(new Report(ReportKind.Finished)).ConfigureAwait(false);
                break;
            case SessionWords.Wait:
                await write((await ended.Task.ConfigureAwait(false)).ToReport()).ConfigureAwait(false);
                break;
            case SessionWords.Leave:
                await LeaveAsync(write, LeaveLimit).ConfigureAwait(false);
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
        },
    };

    private async Task LeaveAsync(Func<Report, Task> write, TimeSpan limit)
    {
        await leaving.CancelAsync().ConfigureAwait(false);
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
            ssh!.Show(notice.Hosts);
        }

        if (notice.Text.Length > 0)
        {
            OriginTerminal.Write(terminal, $"safe: note:  {profile.Name}: {Printable.Line(notice.Text)}\n");
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
