using Safes.Client.Profile;
using Safes.Client.Ssh;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Tests;

public sealed class SshForMembers : IDisposable
{
    private readonly TestDevice device = new();
    private readonly SshSnippet snippet = new("ledger", "anna", "/run/user/1000/safes/ledger-1a2b3c4d", [new("desk", "10.77.17.10"), new("build", "10.77.17.11")]);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void The_snippet_names_whom_with_what_and_whose_signature() => Assert.Equal(
        """
        Host desk.ledger
            HostName 10.77.17.10
            HostKeyAlias desk.ledger

        Host build.ledger
            HostName 10.77.17.11
            HostKeyAlias build.ledger

        Host *.ledger
            User anna
            IdentityFile "/run/user/1000/safes/ledger-1a2b3c4d/id_ed25519"
            CertificateFile "/run/user/1000/safes/ledger-1a2b3c4d/id_ed25519-cert.pub"
            IdentitiesOnly yes
            IdentityAgent none
            UserKnownHostsFile "/run/user/1000/safes/ledger-1a2b3c4d/known_hosts"
            GlobalKnownHostsFile /dev/null
            StrictHostKeyChecking yes
            UpdateHostKeys no
            ForwardAgent no
            ForwardX11 no
            TCPKeepAlive no


        """,
        snippet.ToString());

    [Fact]
    public async Task Plain_ssh_understands_it_through_an_include()
    {
        SshFiles.Write(device.Places, "ledger", snippet);
        string home = Path.Combine(device.Places.Config, "..", "home");
        Directory.CreateDirectory(Path.Combine(home, ".ssh"));
        await File.WriteAllTextAsync(Path.Combine(home, ".ssh", "config"), "Host *\n    Compression yes\n", Stop);
        Assert.True(SshFiles.Install(device.Places, home));
        Assert.False(SshFiles.Install(device.Places, home));
        string shown = await Tool.RunAsync("ssh", ["-G", "-F", Path.Combine(home, ".ssh", "config"), "desk.ledger"]);
        Assert.Contains("hostname 10.77.17.10\n", shown, StringComparison.Ordinal);
        Assert.Contains("user anna\n", shown, StringComparison.Ordinal);
        Assert.Contains("hostkeyalias desk.ledger\n", shown, StringComparison.Ordinal);
        Assert.Contains("forwardagent no\n", shown, StringComparison.Ordinal);
        Assert.Contains("compression yes\n", shown, StringComparison.Ordinal);
        SshFiles.Remove(device.Places, "ledger");
        Assert.DoesNotContain("10.77.17.10", await Tool.RunAsync("ssh", ["-G", "-F", device.Places.SshConfig, "desk.ledger"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("anna\n    ProxyCommand sh -c boom")]
    [InlineData("Anna")]
    [InlineData("")]
    [InlineData("-oProxyCommand=boom")]
    public void A_name_that_would_be_a_line_of_configuration_is_refused(string name)
    {
        Assert.Throws<FaultException>(() => SshNames.Account(name));
        Assert.False(SshNames.IsHost(name));
    }

    [Theory]
    [InlineData("ledger\nHost *", "ledger")]
    [InlineData("*", "ledger")]
    [InlineData("com", "ledger")]
    [InlineData("example.org", "ledger")]
    [InlineData("com", "com")]
    [InlineData("ch", "ch")]
    [InlineData("localhost", "localhost")]
    [InlineData("*", "*")]
    public void So_is_a_zone_that_is_not_the_safe_s_own_or_has_others_names_under_it(string zone, string safe) =>
        Assert.Throws<FaultException>(() => SshNames.Zone(zone, safe));

    [Fact]
    public void The_safe_s_own_name_is_its_zone() => Assert.Equal("ledger", SshNames.Zone("ledger", "ledger"));

    [Theory]
    [InlineData("10.77.17.10\n    ProxyCommand boom", false)]
    [InlineData("host.example.org", false)]
    [InlineData("010.1.1.1", false)]
    [InlineData("203.0.113.5", false)]
    [InlineData("10.77.16.10", false)]
    [InlineData("10.77.18.10", false)]
    [InlineData("10.77.17.10", true)]
    public void So_is_an_address_that_is_none_of_the_safe_s_hosts(string address, bool good) =>
        Assert.Equal(good, SshNames.IsAddress(address, System.Net.IPNetwork.Parse("10.77.17.0/24")));

    [Fact]
    public void A_key_loses_its_comment_and_anything_else_is_refused()
    {
        Assert.Equal("ssh-ed25519 AAAA", SshNames.PublicKey("ssh-ed25519 AAAA some comment\n"));
        Assert.Throws<FaultException>(() => SshNames.PublicKey("ssh-ed25519 AAAA\n@cert-authority * ssh-ed25519 BBBB"));
        Assert.Throws<FaultException>(() => SshNames.Certificate("ssh-rsa-cert-v01@openssh.com AAAA"));
    }

    [Fact]
    public async Task A_session_s_key_is_for_its_owner_alone()
    {
        string path = Path.Combine(device.Places.Runtime, "x", "id_ed25519");
        string line = await SshKey.MakeAsync(path);
        Assert.StartsWith("ssh-ed25519 ", line, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        PrivateFile.Check(Path.GetDirectoryName(path)!);
        Assert.NotEqual(line, await SshKey.MakeAsync(path));
        SshKey.Remove(path);
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    public void Dispose() => device.Dispose();
}
