using System.Text;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Cli.Tests;

/// <summary>A member joins a safe of somebody else's with the real program, at a real pseudo-terminal.</summary>
[Trait("needs", "root")]
public sealed class OwnersOnATerminal : IAsyncLifetime
{
    private readonly string network = $"safe-own-{Environment.ProcessId}";
    private OpenedSafe scene = null!;
    private SafeProgram bob = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        scene = await OpenedSafe.EnrolAsync(network);
        bob = new SafeProgram { Network = $"/run/netns/{network}" };
        await Tool.RunAsync("ip", ["address", "add", "10.77.16.3/32", "dev", "lo"], network: bob.Network);
    }

    public async ValueTask DisposeAsync()
    {
        if (scene is not null)
        {
            bob.Dispose();
            await scene.DisposeAsync();
        }
    }

    [Fact(Timeout = 240_000)]
    public async Task Whoever_joins_somebody_else_s_safe_types_the_owner_s_name()
    {
        await bob.RunAsync(["id", "--name", "bob", "--device", "desktop", "--out", bob.At("bob.safeid")]);
        await scene.DoAsync(["open"], OpenedSafe.Password);
        await scene.DoAsync(["member", "add", bob.At("bob.safeid"), "--yes", "--out", bob.At("ledger.safeaddress")], OpenedSafe.Password);
        string listed = await scene.DoAsync(["member", "list"]), annas = listed.Split("laptop ")[1][..19];
        string address = Roster.AddressFile.Parse(await File.ReadAllTextAsync(bob.At("ledger.safeaddress"), Stop)).Fingerprint;
        string[] join = ["join", bob.At("ledger.safeaddress"), "--fingerprint", address];

        var (exit, shown) = await TypedAsync(join, "bob");    // who believes that it is his own
        Assert.Equal(28, exit);
        Assert.Contains($"you are NOT an owner: the owner is anna {annas}", shown, StringComparison.Ordinal);
        Assert.Contains($"the owner of 'ledger' is anna {annas}, not bob  [other-owner]", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("A password for", shown, StringComparison.Ordinal);
        Assert.Equal(28, (await bob.RunAsync([.. join, "--as-owner"], "bob's own password")).Exit);

        (exit, shown) = await TypedAsync(join, "Anna", "bob's own password", "bob's own password");
        Assert.True(exit == 0, shown);
        Assert.Contains("you joined", shown, StringComparison.Ordinal);
        await scene.DoAsync(["leave"]);
    }

    /// <summary>Types each line once the program waits for it, which it does at the end of a question.</summary>
    private async Task<(int? Exit, string Shown)> TypedAsync(string[] arguments, params string[] lines)
    {
        var (master, path) = Pty.Open();
        var seen = new StringBuilder();
        using (master)
        using (var terminal = Fcntl.Open(path, Fcntl.ReadWrite | Fcntl.NoControllingTerminal))
        using (var child = Child.Start(new ChildStart("setsid", ["--wait", "--ctty", SafeProgram.Program, .. arguments])
        {
            Environment = bob.Environment,
            NetworkNamespace = bob.Network,
            Input = terminal,
            Output = terminal,
            Error = terminal,
        }))
        {
            new Thread(() => Read(master, seen)) { IsBackground = true }.Start();
            foreach (string line in lines)
            {
                await Until(() => Shown(seen).EndsWith(": ", StringComparison.Ordinal));
                lock (seen)
                {
                    seen.Append('\n');
                }

                Unistd.Write(master, Encoding.UTF8.GetBytes(line + "\n"));
            }

            int? exit = await child.WaitAsync(TimeSpan.FromSeconds(90));
            child.KillGroup();
            await Task.Delay(100, Stop);    // what it wrote last is read by then
            return (exit, Shown(seen));
        }
    }

    private static string Shown(StringBuilder seen)
    {
        lock (seen)
        {
            return seen.ToString();
        }
    }

    private static async Task Until(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(10, Stop);
        }
    }

    private static void Read(SafeFileHandle master, StringBuilder seen)
    {
        byte[] buffer = new byte[4096];
        try
        {
            for (int n; (n = Unistd.Read(master, buffer)) > 0;)
            {
                lock (seen)
                {
                    seen.Append(Encoding.UTF8.GetString(buffer, 0, n));
                }
            }
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // The other side has gone.
        }
    }
}
