#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the safe
using System.Net.Security;
using Grpc.Core;
using Safes.Contracts;

namespace Safes.Hypervisor.Tests.Api;

/// <summary>What a device of another version is answered.</summary>
public sealed class OtherVersionTests
{
    private static readonly Marshaller<byte[]> Plain = Marshallers.Create(b => b, b => b);

    [Theory(Timeout = 60_000)]
    [InlineData("safes.v1.Safe", "GetStatus", "")]              // from before the inside was a part of its own: all was asked of one service
    [InlineData("safes.v1.Safe", "Put", "safes-inside/1")]
    [InlineData("safes.v1.Inside", "GetStatus", "safes-inside/3")]  // a later inside: the server's own part answers, which has no such service
    [InlineData("safes.v1.Inside", "Teleport", "safes-inside/2")]   // a later call
    [InlineData("safes.v2.Safe", "Hello", "")]
    public async Task A_call_that_there_is_none_of_is_refused_by_the_code_that_says_so(string service, string call, string name)
    {
        await using var safe = await LoopbackSafe.StartAsync();
        safe.Work.Open();
        SslApplicationProtocol[] names = name.Length > 0 ? [new SslApplicationProtocol(name)] : [];
        var calls = safe.CallsByName(safe.Ledger.Anna, names);
        var method = new Method<byte[], byte[]>(MethodType.Unary, service, call, Plain, Plain);
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await calls.AsyncUnaryCall(method, null, default, []));
        Assert.Equal(StatusCode.Unimplemented, refused.StatusCode);
        Assert.Equal("other-version", await LoopbackSafe.RefusedAsync(async () => await calls.AsyncUnaryCall(method, null, default, [])));
        Assert.Equal("other-version", await LoopbackSafe.RefusedAsync(() => calls.AsyncServerStreamingCall(Streaming(service, call), null, default, []).ResponseStream.MoveNext(default)));
    }

    private static Method<byte[], byte[]> Streaming(string service, string call) => new(MethodType.ServerStreaming, service, call, Plain, Plain);
}
