using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Transfer;

namespace Safes.Hypervisor.Transfers;

/// <summary>
/// Files that a device sends, one after the other. What is wrong with one file is its answer and stops no other; what does not fit the
/// protocol ends the stream.
/// </summary>
internal sealed class PutStream(TransferRoom room, FileOwner? owner, string device, IServerStreamWriter<PutReply> to)
{
    private IncomingFile? current;
    private ulong number;
    private bool expected;    // the file that was begun has not ended

    public async Task RunAsync(IAsyncStreamReader<PutRequest> from, CancellationToken stop)
    {
        try
        {
            while (await from.MoveNext(stop).ConfigureAwait(false))
            {
                try
                {
                    await TakeAsync(from.Current, stop).ConfigureAwait(false);
                }
                catch (FaultException e) when (e.Code != FaultCodes.BadRequest)
                {
                    await AnswerAsync(new PutDone { Fault = FaultMap.Message(e) }, stop).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            current?.Dispose();
        }
    }

    private async Task TakeAsync(PutRequest request, CancellationToken stop)
    {
        switch (request.WhatCase)
        {
            case PutRequest.WhatOneofCase.File when !expected && request.File.Same.Length > 0:
                await AnswerAsync(await IncomingFile.CompareAsync(room, request.File, stop).ConfigureAwait(false), stop).ConfigureAwait(false);
                break;
            case PutRequest.WhatOneofCase.File when !expected:
                expected = !request.File.Directory;
                current = await IncomingFile.BeginAsync(room, owner, device, request.File, stop).ConfigureAwait(false);
                if (current is null)
                {
                    await AnswerAsync(new PutDone(), stop).ConfigureAwait(false);
                }
                else if (request.File.Ask)
                {
                    await to.WriteAsync(new PutReply { Number = number, Have = current.Have }, stop).ConfigureAwait(false);
                }

                break;
            case PutRequest.WhatOneofCase.Again when expected:
                await (current?.AgainAsync(stop) ?? Task.CompletedTask).ConfigureAwait(false);
                break;
            case PutRequest.WhatOneofCase.Piece when expected:
                await (current?.AddAsync(request.Piece) ?? Task.CompletedTask).ConfigureAwait(false);    // after a refusal what was on its way still comes
                break;
            case PutRequest.WhatOneofCase.End when expected:
                expected = false;
                if (current is not null)
                {
                    await AnswerAsync(await current.EndAsync(request.End.Drop, stop).ConfigureAwait(false), stop).ConfigureAwait(false);
                }

                break;
            default:
                throw new FaultException(FaultCodes.BadRequest, ("what", $"{request.WhatCase} here"));
        }
    }

    private async Task AnswerAsync(PutDone done, CancellationToken stop)
    {
        current?.Dispose();
        current = null;
        await to.WriteAsync(new PutReply { Number = number++, Done = done }, stop).ConfigureAwait(false);
    }
}
