using System.Net.Sockets;
using System.Text;
using Safes.Client.Session;
using Safes.Contracts;

namespace Safes.Client.Tests;

public sealed class Visitors : IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), $"safes-visitor-{Guid.NewGuid():n}");

    [Fact(Timeout = 30_000)]
    public async Task One_who_gives_no_password_is_not_waited_for_and_is_told_so()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        using var visiting = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await visiting.ConnectAsync(new UnixDomainSocketEndPoint(path), TestContext.Current.CancellationToken);
        using var visited = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        await using var stream = new NetworkStream(visited, ownsSocket: false);
        var visitor = new SessionVisitor(visited, stream);
        var fault = await Assert.ThrowsAsync<FaultException>(() => visitor.AskPasswordAsync("ledger", TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken));
        Assert.Equal(FaultCodes.NoPassword, fault.Code);
        await visitor.TellAsync(Reports.Report.Failure(fault));
        visited.Shutdown(SocketShutdown.Send);
        await using var heard = new NetworkStream(visiting, ownsSocket: false);
        using var reader = new StreamReader(heard, Encoding.UTF8);
        Assert.Contains("no-password", await reader.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(path);
}
