using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Safes.Linux;

namespace Safes.Vm.Tests.Gateway;

/// <summary>A TCP connection to an echo.</summary>
internal sealed class Conversation : IDisposable
{
    private readonly Socket socket;

    private Conversation(Socket socket) => this.socket = socket;

    public static async Task<Conversation> BeginAsync(string pin, IPAddress to, int port, int seconds = 20)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var socket = Sched.InNetwork(pin, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await socket.ConnectAsync(to, port, limit.Token);
        return new Conversation(socket);
    }

    /// <summary>True when what is said comes back whole within the limit.</summary>
    public async Task<bool> SayAsync(byte[] bytes, TimeSpan limit)
    {
        using var time = new CancellationTokenSource(limit);
        byte[] back = new byte[bytes.Length];
        try
        {
            var sending = SendAsync(bytes, time.Token);
            for (var rest = back.AsMemory(); !rest.IsEmpty;)
            {
                int n = await socket.ReceiveAsync(rest, time.Token);
                if (n == 0)
                {
                    return false;
                }

                rest = rest[n..];
            }

            await sending;
            return back.AsSpan().SequenceEqual(bytes);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public Task<bool> SayAsync(int bytes, int seconds) => SayAsync(RandomNumberGenerator.GetBytes(bytes), TimeSpan.FromSeconds(seconds));

    /// <summary>Only hears, for what is still under way.</summary>
    public async Task<int> HearAsync(TimeSpan limit)
    {
        using var time = new CancellationTokenSource(limit);
        try
        {
            return await socket.ReceiveAsync(new byte[65536], time.Token);
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
    }

    public void Dispose() => socket.Dispose();

    private async Task SendAsync(byte[] bytes, CancellationToken stop)
    {
        for (var rest = bytes.AsMemory(); !rest.IsEmpty;)
        {
            rest = rest[await socket.SendAsync(rest, stop)..];
        }
    }
}
