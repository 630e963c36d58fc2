using System.Net.Sockets;
using Safes.Contracts.Link;
using Safes.Hypervisor.Link;
using Safes.Hypervisor.Sessions;

namespace Safes.Hypervisor.Within;

/// <summary>What safed orders, taken in its order: what changes who is in and who belongs at once, the rest beside each other.</summary>
public sealed class Orders(ResidentLink link, InsideSafe safe, InsideLog log, Func<Standing, Task<byte[]>> prepare, Action<Socket> connected) : IDisposable
{
    private readonly CancellationTokenSource shut = new();

    public void Take(Delivery<ToInside> came)
    {
        var message = came.Message;
        switch (message.WhatCase)
        {
            case ToInside.WhatOneofCase.Connection:
                connected(new Socket(new SafeSocketHandle(came.Descriptors[0].DangerousGetHandle(), ownsHandle: true)));
                came.Descriptors[0].SetHandleAsInvalid();    // it is the socket's now
                break;
            case ToInside.WhatOneofCase.Circumstances:
                safe.Circumstances = message.Circumstances;
                break;
            case ToInside.WhatOneofCase.Roster:
                Answer(message.Call, () => safe.Take(message.Roster));
                break;
            case ToInside.WhatOneofCase.SessionBegan:
                Begin(message);
                break;
            case ToInside.WhatOneofCase.SessionOver:
                End(message);
                break;
            case ToInside.WhatOneofCase.Shut:
                shut.Cancel();
                Answer(message.Call, safe.Shut);
                break;
            default:
                _ = Task.Run(() => AnswerAsync(message.Call, () => PerformAsync(message)));
                break;
        }
    }

    public void Dispose() => shut.Dispose();

    private async Task<InsideAnswer> PerformAsync(ToInside order)
    {
        var answer = new InsideAnswer();
        switch (order.WhatCase)
        {
            case ToInside.WhatOneofCase.Standing:
                safe.Prepare(order.Standing);
                answer.Pin = Numbers.Pin(await prepare(order.Standing).ConfigureAwait(false));
                break;
            case ToInside.WhatOneofCase.ListSessions:
                answer.Sessions.AddRange(safe.ListSessions().Select(r => SessionMessages.Kept(r.Live())));
                break;
            case ToInside.WhatOneofCase.Enter:
                await safe.EnterAsync(order.Enter.Generation).ConfigureAwait(false);
                break;
            case ToInside.WhatOneofCase.Resume:
                await safe.ResumeAsync(order.Resume.Generation, order.Resume.Adopted, shut.Token).ConfigureAwait(false);
                break;
            case ToInside.WhatOneofCase.LetIn:
                safe.LetIn();
                break;
            case ToInside.WhatOneofCase.ApplyRoster:
                await safe.ApplyRosterAsync(order.ApplyRoster.Generation).ConfigureAwait(false);
                break;
            case ToInside.WhatOneofCase.ForgetSessions:
                safe.ForgetSessions();
                break;
            case ToInside.WhatOneofCase.WriteBack:
                safe.WriteBack();
                break;
            case ToInside.WhatOneofCase.Suspend:
                await shut.CancelAsync().ConfigureAwait(false);
                answer.Ends.AddRange((await safe.SuspendAsync(
                    order.Suspend.Generation, TimeSpan.FromSeconds(order.Suspend.Seconds), order.Suspend.Adopts).ConfigureAwait(false))
                    .Select(o => new HostEnd { Host = (uint)o.Number, Done = o.Outcome.Done, Fault = (uint)(o.Outcome.Fault?.Code.Exit ?? 0) }));
                break;
            case ToInside.WhatOneofCase.EndHosts:
                await shut.CancelAsync().ConfigureAwait(false);
                await safe.EndHostsAsync().ConfigureAwait(false);
                break;
            default:
                throw new InvalidDataException("an order that nobody knows");
        }

        return answer;
    }

    private void Begin(ToInside order)
    {
        var session = SessionMessages.Of(order.SessionBegan);
        if (safe.Sessions.Find(session.Id) is not { } known)
        {
            safe.Sessions.Add(known = session);
        }

        AnswerFor(order.SessionBegan.Keep, order.Call, () => safe.Keep(known));
    }

    private void End(ToInside order)
    {
        var over = order.SessionOver;
        var id = SessionMessages.IdOf(over.Session);
        safe.Sessions.End(id, new SessionEnd(over.Reason, over.Detail));
        AnswerFor(over.Forget, order.Call, () => safe.Forget(id));
    }

    // Who is in counts at once; what the volume is to remember of it is written beside the orders that follow.
    private void AnswerFor(bool onVolume, ulong call, Action work)
    {
        if (onVolume)
        {
            _ = Task.Run(() => Answer(call, work));
        }
        else
        {
            Tell(call, new InsideAnswer());
        }
    }

    private void Answer(ulong call, Action work)
    {
        var answer = new InsideAnswer();
        try
        {
            work();
        }
        catch (Exception e)
        {
            answer = Failed(e);
        }

        Tell(call, answer);
    }

    private async Task AnswerAsync(ulong call, Func<Task<InsideAnswer>> work)
    {
        InsideAnswer answer;
        try
        {
            answer = await work().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            answer = Failed(e);
        }

        Tell(call, answer);
    }

    private InsideAnswer Failed(Exception e)
    {
        log.Trouble(e, "an order could not be carried out");
        var (fault, errno) = Numbers.Of(e);
        return new InsideAnswer { Fault = fault, Errno = errno };
    }

    private void Tell(ulong call, InsideAnswer answer)
    {
        if (call != 0)
        {
            link.Tell(new ToResident { Call = call, Answer = answer });
        }
    }
}
