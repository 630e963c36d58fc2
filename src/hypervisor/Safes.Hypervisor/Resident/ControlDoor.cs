using System.Net.Sockets;
using Safes.Hypervisor.Api;

namespace Safes.Hypervisor.Resident;

/// <summary>
/// The control port: each connection is either safed's own or the inside's, which the beginning of its TLS says. That is looked at and not taken:
/// who is handed the socket finds all of it there. Bounded in bytes, in time, and in how many are looked at.
/// </summary>
public sealed class ControlDoor(Socket listener, GivenConnections own, Func<Socket, bool> handOver) : IDisposable
{
    private const int MostUndecided = 256;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5), Look = TimeSpan.FromMilliseconds(5);

    private readonly CancellationTokenSource stopping = new();
    private int undecided;

    /// <summary>Until it is disposed.</summary>
    public async Task RunAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var connection = await listener.AcceptAsync(stopping.Token).ConfigureAwait(false);
                if (Interlocked.Increment(ref undecided) > MostUndecided)
                {
                    Interlocked.Decrement(ref undecided);
                    connection.Dispose();
                    continue;
                }

                _ = DecideAsync(connection);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // This one went away again, or there is no descriptor left for it; the next one has its own luck.
                await Task.Delay(Look).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Lets <see cref="RunAsync"/> end.</summary>
    public Task StopAsync() => stopping.CancelAsync();

    public void Dispose() => stopping.Dispose();

    private async Task DecideAsync(Socket connection)
    {
        bool given = false;
        try
        {
            using var time = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
            time.CancelAfter(Limit);
            switch (await PeekAsync(connection, time.Token).ConfigureAwait(false))
            {
                case ClientHello.Kind.Inside:
                    given = handOver(connection);
                    break;
                case ClientHello.Kind.Other:
                    own.Give(connection);
                    given = true;
                    break;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It said nothing, or went.
        }
        finally
        {
            Interlocked.Decrement(ref undecided);
            if (!given)
            {
                connection.Dispose();
            }
        }
    }

    private static async Task<ClientHello.Kind> PeekAsync(Socket connection, CancellationToken stop)
    {
        byte[] seen = new byte[ClientHello.Longest];
        int before = -1;
        while (true)
        {
            int length = await connection.ReceiveAsync(seen, SocketFlags.Peek, stop).ConfigureAwait(false);
            if (length == 0)
            {
                return ClientHello.Kind.Nothing;
            }

            if (length != before && ClientHello.Read(seen.AsSpan(0, length)) is var kind && kind != ClientHello.Kind.More)
            {
                return kind;
            }

            before = length;
            await Task.Delay(Look, stop).ConfigureAwait(false);    // what was looked at stays there, so its being there is no event any more
        }
    }
}
