using System.Net.Sockets;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Commands;

namespace Safes.Hypervisor.Tests.Api;

public sealed class LocalClientTests
{
    [Fact]
    public async Task A_safed_that_does_not_answer_or_is_not_there_is_named_as_such()
    {
        string root = Directory.CreateTempSubdirectory("safes-local").FullName;
        var paths = new SafePaths(root, root, "ledger");
        Directory.CreateDirectory(Path.GetDirectoryName(paths.LocalSocket)!);
        Assert.Equal("", await DetailAsync(paths));
        using var silent = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        silent.Bind(new UnixDomainSocketEndPoint(paths.LocalSocket));
        silent.Listen();
        Assert.Equal("its process does not answer", await DetailAsync(paths));
        Directory.Delete(root, recursive: true);
    }

    private static async Task<string> DetailAsync(SafePaths paths)
    {
        var refused = await Assert.ThrowsAsync<FaultException>(() => LocalClient.AskAsync(
            paths, c => c.GetStateAsync(new StateRequest(), deadline: DateTime.UtcNow.AddSeconds(2)).ResponseAsync));
        Assert.Equal(FaultCodes.NotRunning, refused.Code);
        return refused.Details.GetValueOrDefault("detail", "");
    }
}
