using Safes.Client.Profile;
using Safes.Client.Ssh;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Linux;
using Safes.Tests;

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
            PreferredAuthentications publickey
            UserKnownHostsFile "/run/user/1000/safes/ledger-1a2b3c4d/known_hosts"
            GlobalKnownHostsFile /dev/null
            HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com
            StrictHostKeyChecking yes
            UpdateHostKeys no
            ForwardAgent no
            ForwardX11 no
            ServerAliveInterval 0
            TCPKeepAlive no
            Port 22
            AddressFamily inet
            BindAddress 0.0.0.0
            ProxyJump none
            ProxyCommand none
            ProxyUseFdpass no
            CanonicalizeHostname no
            CheckHostIP no
            VerifyHostKeyDNS no
            RevokedHostKeys none
            CASignatureAlgorithms ssh-ed25519
            PubkeyAcceptedKeyTypes ssh-ed25519-cert-v01@openssh.com,ssh-ed25519
            PubkeyAuthentication yes
            PKCS11Provider none
            KexAlgorithms +curve25519-sha256
            Ciphers +aes256-ctr
            MACs +hmac-sha2-256
            ControlMaster no
            ControlPath none
            ControlPersist no
            RemoteCommand none
            RequestTTY auto
            Tunnel no
            ExitOnForwardFailure no


        """,
        snippet.ToString());

    [Fact]
    public async Task Plain_ssh_understands_it_through_an_include()
    {
        var made = new MadeFiles();
        SshFiles.Write(device.Places, "ledger", snippet, made);
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
        SshFiles.Remove(device.Places, "ledger", made);
        Assert.DoesNotContain("10.77.17.10", await Tool.RunAsync("ssh", ["-G", "-F", device.Places.SshConfig, "desk.ledger"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whatever_a_person_s_own_configuration_says_of_all_hosts_it_changes_nothing_for_the_safe_s()
    {
        SshFiles.Write(device.Places, "ledger", snippet, new MadeFiles());
        string home = MakeHome(HostileSsh.Configuration), alone = Path.Combine(home, "alone");
        Assert.True(SshFiles.Install(device.Places, home));
        await File.WriteAllTextAsync(alone, SshFiles.IncludeLine(device.Places), Stop);
        string[] without = await ShowAsync(alone, "desk.ledger"), with = await ShowAsync(SshFiles.UserConfiguration(home), "desk.ledger");
        // ssh offers every key that is named, ours first; and it tells what it makes no use of: a BindInterface beside a BindAddress, domains for names that are not completed.
        string[] idle = ["identityfile ~/.ssh/other", "bindinterface none0", "canonicaldomains example.org", "canonicaldomains none"];
        Assert.Equal(without.Except(idle), with.Except(idle));
        Assert.Equal("identityfile /run/user/1000/safes/ledger-1a2b3c4d/id_ed25519", with.First(l => l.StartsWith("identityfile", StringComparison.Ordinal)));

        // Another host has every one of them.
        string[] other = await ShowAsync(SshFiles.UserConfiguration(home), "desk.elsewhere");
        string[] plain = await ShowAsync(alone, "desk.elsewhere");
        Assert.InRange(other.Except(plain).Count(), 30, int.MaxValue);
        Assert.Contains("serveraliveinterval 15", other);
    }

    [Fact]
    public async Task The_line_is_put_before_whatever_would_win_over_it()
    {
        string line = SshFiles.IncludeLine(device.Places);
        foreach (var (text, holds) in ((string, bool)[])[($"# mine\n\n\tinclude ~/.orbstack/ssh\n  {line}\nHost *\n", true), ($"Host *\n    Port 2222\n\n{line}\n", false), ($"Port 2222\n{line}\n", false), ("", false)])
        {
            string home = MakeHome(text);
            Assert.Equal(holds, SshFiles.IsInstalled(device.Places, home));
            Assert.Equal(!holds, SshFiles.Install(device.Places, home));
            Assert.True(SshFiles.IsInstalled(device.Places, home));
            Assert.Equal(holds ? text : $"{line}\n\n{text}", await File.ReadAllTextAsync(SshFiles.UserConfiguration(home), Stop));
        }
    }

    [Fact]
    public async Task Installing_keeps_every_byte_and_the_file_s_mode_owner_and_place()
    {
        byte[] odd = System.Text.Encoding.Latin1.GetBytes("# Caf\u00e9 \u00ff\r\nHost caf\u00e9\r\n    User ren\u00e9\n");
        string home = MakeHome(""), link = SshFiles.UserConfiguration(home), real = Path.Combine(home, "dotfiles-config");
        await File.WriteAllBytesAsync(real, odd, Stop);
        File.SetUnixFileMode(real, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        File.Delete(link);
        File.CreateSymbolicLink(link, real);
        var owner = (User: Unistd.EffectiveUser, Group: Stat.Find(real)!.Value.Group);
        if (Unistd.EffectiveUser == 0)
        {
            owner = (12345, 12346);
            Unistd.Chown(real, 12345, 12346);
        }

        Assert.True(SshFiles.Install(device.Places, home));
        Assert.NotNull(new FileInfo(link).LinkTarget);
        byte[] wanted = [.. System.Text.Encoding.UTF8.GetBytes(SshFiles.IncludeLine(device.Places) + "\n\n"), .. odd], there = await File.ReadAllBytesAsync(real, Stop);
        Assert.Equal(wanted, there);
        var after = Stat.Find(real)!.Value;
        Assert.Equal((owner.User, owner.Group, 0x1a0u), (after.User, after.Group, after.Permissions));
        Assert.Equal(["config"], Directory.GetFileSystemEntries(Path.Combine(home, ".ssh")).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public void A_person_without_an_ssh_configuration_gets_one_of_his_own()
    {
        string home = Path.Combine(Path.GetDirectoryName(device.Places.Config)!, "fresh");
        Directory.CreateDirectory(home);
        var owner = (User: Unistd.EffectiveUser, Group: Stat.Find(home)!.Value.Group);
        if (Unistd.EffectiveUser == 0)
        {
            owner = (12345, 12346);
            Unistd.Chown(home, 12345, 12346);    // sudo that keeps HOME
        }

        Assert.True(SshFiles.Install(device.Places, home));
        Assert.True(SshFiles.IsInstalled(device.Places, home));
        var (directory, file) = (Stat.Find(Path.Combine(home, ".ssh"))!.Value, Stat.Find(SshFiles.UserConfiguration(home))!.Value);
        Assert.Equal((owner.User, owner.Group, 0x1c0u), (directory.User, directory.Group, directory.Permissions));
        Assert.Equal((owner.User, owner.Group, 0x180u), (file.User, file.Group, file.Permissions));
    }

    private static async Task<string[]> ShowAsync(string configuration, string host) =>
        (await Tool.RunAsync("ssh", ["-G", "-F", configuration, host])).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private string MakeHome(string configuration)
    {
        string home = Path.Combine(Path.GetDirectoryName(device.Places.Config)!, $"home-{Guid.NewGuid():n}");
        Directory.CreateDirectory(Path.Combine(home, ".ssh"));
        File.WriteAllText(SshFiles.UserConfiguration(home), configuration);
        return home;
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
        string path = Path.Combine(device.Places.Config, "x", "id_ed25519");
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
