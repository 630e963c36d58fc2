using Safes.Client.Profile;
using Safes.Client.Session;
using Safes.Client.Ssh;
using Safes.Client.Tests.Fake;

namespace Safes.Client.Tests;

/// <summary>A session takes away what it has made, and nothing that another one has put in its place.</summary>
public sealed class OnlyItsOwn : IDisposable
{
    private readonly TestDevice device = new();

    private string At(string file) => Path.Combine(device.Places.Config, file);

    [Fact]
    public void A_file_that_another_one_wrote_in_the_place_of_ours_stays()
    {
        MadeFiles old = new(), fresh = new();
        foreach (string file in (string[])["id_ed25519", "known_hosts"])
        {
            old.Write(At(file), "old");
        }

        fresh.Write(At("id_ed25519"), "fresh");
        Assert.False(old.Remove(At("id_ed25519")));
        old.RemoveAll();
        Assert.Equal("fresh", File.ReadAllText(At("id_ed25519")));
        Assert.False(File.Exists(At("known_hosts")));
        fresh.RemoveAll();
        Assert.False(File.Exists(At("id_ed25519")));
    }

    [Fact]
    public void So_do_ssh_s_snippet_and_the_lines_of_the_hosts_file()
    {
        SshSnippet snippet = new("ledger", "anna", device.Places.Config, [new("desk", "10.77.17.10")]);
        MadeFiles old = new(), fresh = new();
        SshFiles.Write(device.Places, "ledger", snippet, old);
        SshFiles.Write(device.Places, "ledger", snippet, fresh);
        SshFiles.Remove(device.Places, "ledger", old);
        Assert.True(File.Exists(SshFiles.SnippetOf(device.Places, "ledger")));
        Assert.Contains("/ledger/ssh_config", File.ReadAllText(device.Places.SshConfig), StringComparison.Ordinal);
        SshFiles.Remove(device.Places, "ledger", fresh);
        Assert.False(File.Exists(SshFiles.SnippetOf(device.Places, "ledger")));

        string file = At("hosts");
        PrivateFile.Write(file, "127.0.0.1 localhost\n");
        DeviceNames before = new(file, "ledger, for 10.77.16.2", "1"), now = new(file, "ledger, for 10.77.16.2", "2");
        Assert.True(before.Write("ledger", snippet.Hosts));
        Assert.True(now.Write("ledger", snippet.Hosts));
        Assert.True(before.Remove());
        Assert.Equal("127.0.0.1 localhost\n10.77.17.10 desk.ledger # host of the safe ledger, for 10.77.16.2, by 2\n", File.ReadAllText(file));
        Assert.True(now.Remove());
        Assert.Equal("127.0.0.1 localhost\n", File.ReadAllText(file));
    }

    public void Dispose() => device.Dispose();
}
