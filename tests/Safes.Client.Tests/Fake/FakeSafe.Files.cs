using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Transfer;

namespace Safes.Client.Tests.Fake;

/// <summary>The team's files as a table of contents by path, and requests to let some out.</summary>
public sealed partial class FakeSafe
{
    public SortedDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    public List<OutEntry> Requests { get; } = [];

    public bool NeedsApproval { get; set; }

    public async Task Put(IAsyncStreamReader<PutRequest> requests, IServerStreamWriter<PutReply> replies, ServerCallContext context)
    {
        PutFile? file = null;
        List<byte> content = [];
        for (ulong number = 0; await requests.MoveNext(context.CancellationToken);)
        {
            var request = requests.Current;
            if (request.File is { } begun)
            {
                file = begun;
                content.Clear();
                if (begun.Directory)
                {
                    await replies.WriteAsync(new PutReply { Number = number++, Done = new PutDone() });
                }
                else if (begun.Ask)
                {
                    await replies.WriteAsync(new PutReply { Number = number, Have = new PutHave { Check = ByteString.CopyFrom(SHA256.HashData([])) } });
                }
            }
            else if (request.Piece is { } piece)
            {
                content.AddRange(piece.Data.IsEmpty ? new byte[piece.Hole] : piece.Data.ToByteArray());
            }
            else if (request.End is not null)
            {
                string path = file!.Path.ToStringUtf8();
                bool there = Files.TryGetValue(path, out byte[]? was), same = there && was.AsSpan().SequenceEqual(content.ToArray());
                var done = new PutDone { Sha256 = ByteString.CopyFrom(SHA256.HashData([.. content])), Already = same };
                if (there && !same && !file.Replace)
                {
                    done = new PutDone { Fault = new Fault { Code = FaultCodes.FileExists.Code, Details = { ["file"] = path + Evil } } };
                }
                else
                {
                    Files[path] = [.. content];
                }

                await replies.WriteAsync(new PutReply { Number = number++, Done = done });
            }
        }
    }

    public async Task Get(IAsyncStreamReader<GetRequest> requests, IServerStreamWriter<GetReply> replies, ServerCallContext context)
    {
        while (await requests.MoveNext(context.CancellationToken))
        {
            byte[] content = Files[requests.Current.Path.ToStringUtf8()];
            await replies.WriteAsync(new GetReply { File = new GetFile { Length = (ulong)content.Length } });
            for (int at = 0; at < content.Length; at += Block.Size)
            {
                int end = Math.Min(at + Block.Size, content.Length);
                for (int from = at; from < end; from += Block.Piece)
                {
                    await replies.WriteAsync(new GetReply { Piece = new Piece { Data = ByteString.CopyFrom(content.AsSpan(from, Math.Min(Block.Piece, end - from))) } });
                }

                await replies.WriteAsync(new GetReply { Piece = new Piece { Check = ByteString.CopyFrom(SHA256.HashData(content.AsSpan(0, end))) } });
            }

            await replies.WriteAsync(new GetReply { Done = new GetDone { Sha256 = ByteString.CopyFrom(SHA256.HashData(content)) } });
        }
    }

    public async Task ListFiles(ListFilesRequest request, IServerStreamWriter<FilesFound> replies, ServerCallContext context)
    {
        if (NeedsApproval && request.All && (request.Out == 0 || Requests[(int)request.Out - 1].State != OutState.OutApproved))
        {
            throw request.Out == 0 ? Fault(FaultCodes.NeedsApproval, ("mode", "four-eyes")) : Fault(FaultCodes.NeedsApproval, ("number", $"{request.Out}"), ("state", "not decided yet"));
        }

        string path = request.Path.ToStringUtf8();
        var found = new FilesFound();
        if (Files.Keys.Any(f => f.StartsWith(path + "/", StringComparison.Ordinal)))
        {
            found.Files.Add(new FileFound { Path = request.Path, Kind = FileKind.Directory });
        }

        foreach (var (name, content) in Files.Where(f => f.Key == path || (request.All && f.Key.StartsWith(path + "/", StringComparison.Ordinal))))
        {
            found.Files.Add(new FileFound { Path = ByteString.CopyFromUtf8(name), Kind = FileKind.File, Length = (ulong)content.Length });
        }

        await replies.WriteAsync(found.Files.Count > 0 ? found : throw Fault(FaultCodes.FileUnknown, ("file", path + Evil)));
    }

    public Task<OutEntry> AskOut(AskOutRequest request, ServerCallContext context)
    {
        var entry = new OutEntry
        {
            Number = (ulong)Requests.Count + 1,
            Member = "anna" + Evil,
            Device = "laptop" + Evil,
            AskedUnix = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            Reason = request.Reason + Evil,
            Files = 1,
            Bytes = 11,
            Digest = ByteString.CopyFrom(new byte[32]),
        };
        Requests.Add(entry);
        return Task.FromResult(entry);
    }

    public async Task ListOut(ListOutRequest request, IServerStreamWriter<OutEntry> replies, ServerCallContext context)
    {
        foreach (var entry in Requests)
        {
            await replies.WriteAsync(entry);
        }
    }

    public Task ShowOut(OutNumber request, IServerStreamWriter<OutFiles> replies, ServerCallContext context) => replies.WriteAsync(new OutFiles
    {
        Files = { new OutFile { Path = ByteString.CopyFromUtf8("outbox/table.csv" + Evil.Replace("\r\n", "", StringComparison.Ordinal)), Length = 11, Sha256 = ByteString.CopyFrom(SHA256.HashData("a few words"u8)), Type = "text" + Evil } },
    });

    public static Task<OutEntry> DecideOut(DecideOutRequest request) => throw Fault(FaultCodes.RequestOwn, ("number", $"{request.Number}"));

    public Task ReadOutLog(ReadOutLogRequest request, IServerStreamWriter<OutLogLines> replies, ServerCallContext context) => replies.WriteAsync(new OutLogLines
    {
        Lines = { "2026-11-27T11:00:00Z 1 asked member=anna device=laptop files=1 bytes=11 reason=for%20the%20journal" + Evil },
    });
}
