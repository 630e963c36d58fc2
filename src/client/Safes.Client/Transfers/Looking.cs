using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Safes.Client.Connection;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Transfer;

namespace Safes.Client.Transfers;

/// <summary>How a file of a request begins, for who is to decide about it. It is in memory alone, and no more is fetched than is shown.</summary>
/// <param name="request">The request's number.</param>
/// <param name="file">A path below the team's directory.</param>
public sealed class Looking(Server server, ulong request, FilePath file)
{
    /// <summary>In bytes.</summary>
    public const int Most = 64 << 10;

    /// <summary>Its first bytes, and how long it is in all.</summary>
    /// <exception cref="FaultException">file-unknown, file-changed, request-changed, request-unknown, not-owner, request-own; what ended the connection.</exception>
    public async Task<(ReadOnlyMemory<byte> Begin, long Length)> RunAsync(CancellationToken stop)
    {
        using var call = server.Inside.Get(stop);    // leaving it tells the server to stop
        try
        {
            await call.RequestStream.WriteAsync(new GetRequest { Path = ByteString.CopyFrom(file.Bytes), Out = request, Look = true }, stop).ConfigureAwait(false);
            await call.RequestStream.CompleteAsync().ConfigureAwait(false);
            return await TakeAsync(call.ResponseStream, stop).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            throw server.Inside.Cause(e, stop);
        }
        catch (InvalidOperationException)
        {
            throw ServerFault.Lost();
        }
    }

    private async Task<(ReadOnlyMemory<byte> Begin, long Length)> TakeAsync(IAsyncStreamReader<GetReply> from, CancellationToken stop)
    {
        var begin = new MemoryStream();
        GetFile? told = null;
        while (await from.MoveNext(stop).ConfigureAwait(false))
        {
            switch (from.Current.WhatCase)
            {
                case GetReply.WhatOneofCase.File when told is null && from.Current.File.Length <= long.MaxValue:
                    told = from.Current.File;
                    break;
                case GetReply.WhatOneofCase.Piece when told is not null:
                    Add(from.Current.Piece, begin);
                    break;
                case GetReply.WhatOneofCase.Done when from.Current.Done.Fault is { } fault:
                    throw ServerFault.Of(fault);
                case GetReply.WhatOneofCase.Done when told is not null:
                    return from.Current.Done.Sha256.Span.SequenceEqual(SHA256.HashData(begin.ToArray())) ? (begin.ToArray(), (long)told.Length) : throw Damaged();
                default:
                    throw ServerFault.Nonsense();
            }

            if (told is not null && begin.Length == Most && told.Length > Most)
            {
                return (begin.ToArray(), (long)told.Length);
            }
        }

        throw Damaged();
    }

    private static void Add(Piece piece, MemoryStream begin)
    {
        int room = Most - (int)begin.Length;
        switch (piece.WhatCase)
        {
            case Piece.WhatOneofCase.Data:
                begin.Write(piece.Data.Span[..Math.Min(room, piece.Data.Length)]);
                break;
            case Piece.WhatOneofCase.Hole:
                begin.Write(new byte[Math.Min((uint)room, piece.Hole)]);
                break;
        }
    }

    private FaultException Damaged() => FileTree.Refused(FaultCodes.FileDamaged, file, "it did not arrive as it was sent");
}
