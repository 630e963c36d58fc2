using System.Net.Sockets;
using CsCheck;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Safes.Contracts.V1;
using Safes.Fuzzing;
using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>Garbage, halves and floods at each door of the real safed, while a member's session stands.</summary>
[Trait("needs", "root")]
public sealed class HostileBytes
{
    private const int Large = 10 << 20;
    private const double Most = 150;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);

    [Fact(Timeout = 180_000)]
    public async Task Whatever_comes_over_the_control_link_ends_no_session_and_takes_no_memory()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        var held = safe.Owner.Hold();
        using var bob = await safe.AdmitAsync("bob");
        var random = new Random(7);
        byte[] large = new byte[Large];
        random.NextBytes(large);

        // Without TLS: garbage, halves, floods; some stay and say nothing.
        var silent = new List<Stream>();
        foreach (int length in (int[])[0, 1, 5, 517, 70_000, Large])
        {
            silent.Add(await PushAsync(await safe.ConnectAsync(default), large[..length]));
            silent.Add(await PushAsync(await safe.ConnectAsync(default), [0x16, 3, 1, .. large.AsSpan(0, Math.Max(0, length - 3))]));
        }

        // With a member's certificate: no HTTP/2, or frames that are none.
        byte[] preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];
        foreach (byte[] start in (byte[][])[[], preface, [.. preface, 0, 0, 0, 4, 0, 0, 0, 0, 0], [.. preface, 0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1]])
        {
            silent.Add(await PushAsync(await bob.DialAsync(default), [.. start, .. large]));
        }

        // The same at the inside, by who has its key.
        foreach (byte[] start in (byte[][])[[], preface, [.. preface, 0, 0, 0, 4, 0, 0, 0, 0, 0], [.. preface, 0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1]])
        {
            silent.Add(await PushAsync(await safe.Owner.DialInsideAsync(default), [.. start, .. large]));
        }

        // As calls: each method of both services, with anything, and with more than any may have.
        var damaged = Fuzz.Damaged([new OpenRequest { OneTimeKey = ByteString.CopyFrom(large, 0, 1216), Sealed = ByteString.CopyFrom(large, 0, 1192), Head = ByteString.CopyFrom(large, 0, 64), Generation = 1 }.ToByteArray(), [0x0a, 16, .. large.AsSpan(0, 16)]]);
        foreach (var (device, service) in ((Laptop, ServiceDescriptor)[])[(bob, RawCalls.Safe), (safe.Owner, RawCalls.Inside)])
        {
            using var calls = new RawCalls(device, service);
            foreach (var method in service.Methods)
            {
                foreach (byte[] bytes in damaged.Array[4].Single())
                {
                    Assert.NotEqual(StatusCode.Unavailable, (await calls.CallAsync(method.Name, ByteString.Empty, bytes)).Status);
                }

                // A stream that needs a session is refused before anything of it is read.
                bool early = method.IsClientStreaming && method.Name != "Renew";
                Assert.Equal((method.Name, early ? StatusCode.PermissionDenied : StatusCode.ResourceExhausted), (method.Name, (await calls.CallAsync(method.Name, ByteString.Empty, large)).Status));
            }
        }

        Assert.False(held.Ended.IsCompleted);
        await safe.Owner.StatusAsync();
        Assert.InRange(Footprint.Of(safe.Pid).Memory, 0, Most);
        silent.ForEach(s => s.Dispose());
        await safe.Owner.LeaveAsync();
        Assert.False(safe.IsAttached);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_gateway_that_answers_with_garbage_is_replaced_and_ends_no_session()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        var held = safe.Owner.Hold();
        byte[] large = new byte[Large];
        new Random(7).NextBytes(large);
        foreach (byte[] answer in (byte[][])[large, StandInGateway.Frame(large), StandInGateway.Frame(large[..1000]), [0, 0], [0, 0, 0, 9, 8]])
        {
            int before = safe.Gateway.Connections;
            bool once = true;
            safe.Gateway.Instead = async (_, stream) =>
            {
                if (!once)
                {
                    return false;
                }

                once = false;
                await stream.WriteAsync(answer);
                ((NetworkStream)stream).Socket.Shutdown(SocketShutdown.Send);
                return true;
            };
            for (var end = BootClock.Now + RealSafe.Patience; safe.Gateway.Connections == before && BootClock.Now < end; await Task.Delay(50))
            {
            }

            Assert.True(safe.Gateway.Connections > before, "no gateway took its place");
        }

        await safe.Owner.StatusAsync();
        Assert.False(held.Ended.IsCompleted);
        Assert.InRange(Footprint.Of(safe.Pid).Memory, 0, Most);
        await safe.Owner.LeaveAsync();
    }

    [Fact(Timeout = 180_000)]
    public async Task A_gateway_that_cannot_be_ended_in_time_is_ended_later_and_another_one_takes_its_place()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        var held = safe.Owner.Hold();
        int pid = safe.GatewayPid, before = safe.Gateway.Connections;
        bool deaf = true;
        safe.Gateway.Instead = (_, _) => Task.FromResult(deaf);    // it answers no ping, so it is to be ended
        using (var holder = await HeldAtItsEnd.OfAsync(pid))
        {
            await holder.EndingAsync(RealSafe.Patience);           // it was killed, and stays as one that waits in the kernel does
            await Task.Delay(TimeSpan.FromSeconds(7));             // longer than safed waits for it
            deaf = false;
            Assert.Equal(pid, safe.GatewayPid);
            Assert.Equal(before, safe.Gateway.Connections);        // no other one is beside it
        }

        for (var end = BootClock.Now + RealSafe.Patience; safe.Gateway.Connections == before && BootClock.Now < end; await Task.Delay(50))
        {
        }

        Assert.True(safe.Gateway.Connections > before, "no gateway took its place");
        Assert.NotEqual(pid, safe.GatewayPid);
        Assert.False(held.Ended.IsCompleted);
        await safe.Owner.LeaveAsync();
        Assert.False(safe.IsAttached);
    }

    [Fact(Timeout = 180_000)]
    public async Task Garbage_on_the_guardian_s_socket_neither_ends_nor_disarms_it()
    {
        await using var safe = await RealSafe.StartAsync(RealSafe.Long);
        await safe.Owner.OpenAsync();
        string path = Path.Combine(safe.Paths.Run, "guardian.sock"), told = safe.GuardianLog;
        // None that would be a right call of root's.
        Gen.OneOf(Gen.Select(Gen.Int[7, 255], Gen.Byte.Array[0, 9000], (first, rest) => (byte[])[(byte)first, .. rest]), Gen.Select(Gen.Int[2, 4], Gen.Byte.Array[0, 3], (first, rest) => (byte[])[(byte)first, .. rest]))
            .Sample(bytes => Record(path, bytes), iter: 300, threads: 1);
        Assert.Throws<SocketException>(() => Record(path, new byte[Large]));
        Assert.Contains(" armed", told, StringComparison.Ordinal);
        Assert.DoesNotContain("disarmed", safe.GuardianLog[told.Length..], StringComparison.Ordinal);    // the claim ended with that
        await safe.KillAsync();
        await safe.RunAsync();
        safe.Owner.Drop();
        await safe.Owner.ResumeAsync();
        await safe.Owner.LeaveAsync();
        Assert.Contains("disarmed", safe.GuardianLog, StringComparison.Ordinal);
        Assert.False(safe.IsAttached);
    }

    private static void Record(string path, byte[] bytes)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        socket.Send(bytes);
    }

    private static async Task<Stream> PushAsync(Stream to, byte[] bytes)
    {
        using var limit = new CancellationTokenSource(Soon);
        try
        {
            await to.WriteAsync(bytes, limit.Token);
            await to.FlushAsync(limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Cut off, or not read any further: both are right.
        }

        return to;
    }
}
