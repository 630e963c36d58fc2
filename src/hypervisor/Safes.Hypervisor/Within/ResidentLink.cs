using System.Net.Sockets;
using Safes.Contracts.Link;
using Safes.Hypervisor.Link;

namespace Safes.Hypervisor.Within;

/// <summary>The inside's end of the wire to safed.</summary>
public sealed class ResidentLink(Socket socket) : Wire<ToResident, ToInside>(socket, ToInside.Parser)
{
    /// <summary>Takes what safed orders; set before <see cref="Wire{TSent, TReceived}.Begin"/>.</summary>
    public Action<Delivery<ToInside>>? Ordered { get; set; }

    protected override void Number(ToResident message, ulong call) => message.Call = call;

    protected override ulong? Answers(ToInside message) => message.WhatCase == ToInside.WhatOneofCase.Answer ? message.Call : null;

    protected override Exception? FailureIn(ToInside answer) => Numbers.Failure(answer.Answer.Fault, answer.Answer.Errno, answer.Answer.Detail);

    protected override void Handle(Delivery<ToInside> came)
    {
        if (Ordered is { } ordered)
        {
            ordered(came);
        }
        else
        {
            came.Dispose();
        }
    }
}
