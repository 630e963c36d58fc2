using System.Net.Sockets;
using Safes.Client.Profile;
using Safes.Client.Session;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Secrets;

namespace Safes.Client.Tests;

/// <summary>What stands in for a session's process ends at once; whoever waits for it is told what is true then.</summary>
public sealed class SessionsThatDie : IDisposable
{
    private const string Asks = "echo '{\"kind\":\"Password\",\"name\":\"ledger\"}' >&4";

    private readonly TestDevice device = new();
    private readonly DirectoryInfo place = Directory.CreateTempSubdirectory("safes-dying-");
    private readonly SafeProfile profile;

    public SessionsThatDie() => profile = device.Own(new FakeSafe(new byte[32]));

    private string Alive => Path.Combine(place.FullName, "alive");

    [Theory(Timeout = 30_000)]
    [InlineData("exit 3", "", "its exit status was 3")]
    [InlineData("kill -9 $$", "", "signal 9")]
    [InlineData("printf '{\"kind\":\"Done\",\"na' >&4; kill -9 $$", "", "signal 9")]
    [InlineData($"{Asks}; exec 3<&-; rm ALIVE; kill -9 $$", "", "signal 9")]
    [InlineData($"{Asks}; rm ALIVE; head -c 10 <&3 >/dev/null; kill -9 $$", "yes", "signal 9")]
    public async Task One_that_ends_while_it_opens_is_told_with_how_and_whether_the_password_was_on_its_way(string does, string sent, string how)
    {
        string program = Path.Combine(place.FullName, "session");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\n{does.Replace("ALIVE", Alive, StringComparison.Ordinal)}\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(Alive, "", TestContext.Current.CancellationToken);
        var fault = await Assert.ThrowsAsync<FaultException>(() => SessionStart.RunAsync(program, profile, _ => { }, TypeAsync, TestContext.Current.CancellationToken));
        Assert.Equal(FaultCodes.OpeningLost, fault.Code);
        Assert.Equal(sent, fault.Details["sent"]);
        Assert.Contains(how, fault.Details["how"], StringComparison.Ordinal);
    }

    /// <summary>Killed with what it was asked unread, which the kernel calls a reset; or before it was asked at all.</summary>
    [Theory(Timeout = 30_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_that_ends_while_it_is_asked_has_said_nothing_more_and_is_renewed_by_nobody(bool reads)
    {
        await File.WriteAllTextAsync(Alive, "", TestContext.Current.CancellationToken);
        PrivateFile.MakeDirectory(profile.SessionDirectory);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(profile.SocketPath));
        listener.Listen();
        var asking = new SessionLink(profile.SocketPath).AskAsync(SessionWords.Wait, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        using (var visitor = await listener.AcceptAsync(TestContext.Current.CancellationToken))
        {
            Assert.True(visitor.Poll(TimeSpan.FromSeconds(10), SelectMode.SelectRead));
            Assert.Equal(reads ? 4 : 0, reads ? await visitor.ReceiveAsync(new byte[4], TestContext.Current.CancellationToken) : 0);
        }

        Assert.Empty(await asking);
        var renewing = new SessionLink(profile.SocketPath).RenewAsync(_ => { }, TypeAsync, TestContext.Current.CancellationToken);
        using (var visitor = await listener.AcceptAsync(TestContext.Current.CancellationToken))
        {
            Assert.True(visitor.Poll(TimeSpan.FromSeconds(10), SelectMode.SelectRead));
            await visitor.SendAsync("{\"kind\":\"Password\"}\n"u8.ToArray(), TestContext.Current.CancellationToken);
        }

        File.Delete(Alive);
        Assert.Equal(FaultCodes.NoSession, (await Assert.ThrowsAsync<FaultException>(() => renewing)).Code);
    }

    public void Dispose()
    {
        profile.Dispose();
        device.Dispose();
        place.Delete(recursive: true);
    }

    /// <summary>Types when the other one is where it is to be.</summary>
    private async Task<SecretBuffer> TypeAsync()
    {
        while (File.Exists(Alive))
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        return SecretBuffer.Take("password"u8.ToArray());
    }
}
