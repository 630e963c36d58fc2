using System.Net.Sockets;

namespace Safes.Vm.Tests;

/// <summary>Stands between whoever connects to a Unix socket and who listens there: passes on both ways, and can say things of its own.</summary>
internal sealed class Between : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Socket behind = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly TaskCompletionSource<NetworkStream> front = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task passing;

    private Between(string path)
    {
        behind.Connect(new UnixDomainSocketEndPoint(path));
        File.Move(path, path + ".behind");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        passing = PassAsync();
    }

    public static Between Put(string path) => new(path);

    public async Task SayAsync(string text) => await (await front.Task).WriteAsync(System.Text.Encoding.UTF8.GetBytes(text));

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        behind.Dispose();
        if (front.Task.IsCompletedSuccessfully)
        {
            (await front.Task).Dispose();
        }

        await passing;
    }

    private async Task PassAsync()
    {
        try
        {
            var stream = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
            await using var back = new NetworkStream(behind, ownsSocket: false);
            front.SetResult(stream);
            await Task.WhenAll(stream.CopyToAsync(back), back.CopyToAsync(stream));
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
    }
}
