using System.Net.Sockets;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Session;
using Safes.Client.Tests.Fake;
using Safes.Contracts;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Tests;

/// <summary>Where a session is looked for, and whose process answers there: another user of the device gets neither a word nor a password.</summary>
public sealed class PlacesOfASession : IDisposable
{
    private const uint Stranger = 65534;

    private readonly TestDevice device = new();
    private readonly FakeSafe safe = new(new byte[32]);
    private readonly SafeProfile profile;

    public PlacesOfASession() => profile = device.Own(safe);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Heard => Path.Combine(device.Places.Config, "heard");

    [Theory]
    [InlineData("/run/user/1000")]
    [InlineData("/nowhere")]
    [InlineData(null)]
    public void Everything_lies_below_the_profile_whatever_the_shell_says(string? runtime)
    {
        string? before = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        try
        {
            Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", runtime);
            var places = Places.FromEnvironment();
            Assert.EndsWith("/safes", places.Config, StringComparison.Ordinal);
            Assert.All([places.SshConfig, places.Tunnels], p => Assert.StartsWith(places.Config + "/", p, StringComparison.Ordinal));
            Assert.All([profile.SocketPath, profile.EndedPath], p => Assert.StartsWith(Path.Combine(device.Places.Config, "ledger", "session") + "/", p, StringComparison.Ordinal));
        }
        finally
        {
            Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", before);
        }
    }

    [Theory(Timeout = 30_000)]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("needs", "root")]
    public async Task What_another_user_s_process_listens_at_is_told_nothing_and_given_no_password(bool stranger)
    {
        SkipUnlessRoot();
        PrivateFile.MakeDirectory(profile.SessionDirectory);
        using var listening = Child.Start(new ChildStart("python3", ["-c", $"""
            import os, socket
            s = socket.socket(socket.AF_UNIX)
            s.bind({Quoted(profile.SocketPath)})
            heard = open({Quoted(Heard)}, "wb")
            os.setuid({(stranger ? Stranger : 0)})
            s.listen()
            c, _ = s.accept()
            c.sendall({"""b'{"kind":"Password"}\n'"""})
            while data := c.recv(100):
                heard.write(data)
                heard.flush()
            """]) { LogFile = Heard + ".log" });
        int asked = 0;
        var link = new SessionLink(profile.SocketPath);
        Task<SecretBuffer> AskAsync()
        {
            asked++;
            return device.AskAsync();
        }

        var fault = await Assert.ThrowsAsync<FaultException>(async () =>
        {
            while (true)
            {
                try
                {
                    var renewing = link.RenewAsync(_ => { }, AskAsync, Stop);
                    if (await Task.WhenAny(renewing, Until(() => asked > 0 && new FileInfo(Heard).Length > 10)) != renewing)
                    {
                        listening.KillGroup();
                    }

                    await renewing;
                }
                catch (FaultException e) when (e.Code == FaultCodes.NoSession && asked == 0)
                {
                    await Task.Delay(20, Stop);     // it does not listen yet
                }
            }
        });
        listening.KillGroup();
        await listening.WaitAsync(TimeSpan.FromSeconds(5));
        if (stranger)
        {
            Assert.Equal(FaultCodes.UnsafePermissions, fault.Code);
            Assert.Equal($"{Stranger}", fault.Details["owner"]);
            Assert.Equal((0, 0), (asked, new FileInfo(Heard).Length));
        }
        else
        {
            Assert.Equal(1, asked);     // the control: one of the same user gets the word and the password
            Assert.Contains("correct horse battery", await File.ReadAllTextAsync(Heard, Stop), StringComparison.Ordinal);
        }
    }

    [Theory(Timeout = 30_000)]
    [InlineData(Stranger, "")]
    [InlineData(0, "answered")]
    [Trait("needs", "root")]
    public async Task A_session_answers_nobody_but_its_own_user_whatever_he_may_otherwise(uint user, string answer)
    {
        SkipUnlessRoot();
        using var place = SessionPlace.Take(profile);
        using var over = new CancellationTokenSource();
        var serving = place.ServeAsync((_, visitor, _) => visitor.TellAsync(new Report(ReportKind.Value, "answered")), over.Token);
        string said = await Tool.RunAsync("setpriv", [$"--reuid={user}", "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "python3", "-c", $"""
            import socket
            s = socket.socket(socket.AF_UNIX)
            s.connect({Quoted(profile.SocketPath)})
            try:
                s.sendall(b"info\n")
                print(s.recv(1000).decode())
            except (BrokenPipeError, ConnectionResetError):
                pass
            """]);
        Assert.Contains(answer, said, StringComparison.Ordinal);
        Assert.Equal(answer.Length > 0, said.Trim().Length > 0);
        await over.CancelAsync();
        Assert.Equal("", await serving);
    }

    [Fact]
    [Trait("needs", "root")]
    public void What_belongs_to_another_user_or_lies_behind_a_link_is_not_used()
    {
        SkipUnlessRoot();
        PrivateFile.MakeDirectory(profile.SessionDirectory);
        foreach (string path in (string[])[device.Places.Config, profile.Home, Path.Combine(profile.Home, "known.json"), Path.Combine(profile.Home, "device.keys")])
        {
            Unistd.Chown(path, Stranger, Stranger);
            Assert.Equal($"{Stranger}", Refused(() => new Profiles(device.Places).Open("ledger").Dispose()).Details["owner"]);
            Unistd.Chown(path, 0, 0);
        }

        Unistd.Chown(profile.SessionDirectory, Stranger, Stranger);
        Assert.Equal($"{Stranger}", Refused(() => SessionPlace.Take(profile).Dispose()).Details["owner"]);
        Unistd.Chown(profile.SessionDirectory, 0, 0);
        SessionPlace.Take(profile).Dispose();    // the control: it was all that was wrong

        // An empty directory that somebody made, and a link to it in the session's place.
        string theirs = Directory.CreateDirectory(Path.Combine(device.Places.Config, "..", "theirs"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        Directory.Delete(profile.SessionDirectory, recursive: true);
        Directory.CreateSymbolicLink(profile.SessionDirectory, theirs);
        Assert.Equal("yes", Refused(() => SessionPlace.Take(profile).Dispose()).Details["link"]);
        File.Delete(Path.Combine(profile.Home, "session.lock"));
        File.CreateSymbolicLink(Path.Combine(profile.Home, "session.lock"), Path.Combine(theirs, "lock"));
        Assert.Equal("yes", Refused(() => SessionHolder.Find(profile)).Details["link"]);
        Assert.Empty(Directory.GetFileSystemEntries(theirs));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_home_of_any_depth_has_room_for_the_socket()
    {
        var deep = new Places(Path.Combine(device.Places.Config, new string('d', 120), "safes"));
        using var keys = Roster.DeviceKeys.Parse(profile.Keys.Serialise());
        using var there = SafeProfile.Bind(deep, profile.Address, keys, profile.Roster, profile.Known);
        using var place = SessionPlace.Take(there);
        using var over = new CancellationTokenSource();
        var serving = place.ServeAsync((word, visitor, _) => visitor.TellAsync(new Report(ReportKind.Value, word)), over.Token);
        Assert.Equal("info", (await new SessionLink(there.SocketPath).AskAsync(SessionWords.Info, Stop).ToListAsync(Stop)).Single().Name);
        await over.CancelAsync();
        await serving;
    }

    [Fact(Timeout = 30_000)]
    public async Task A_device_has_one_session_which_its_lock_names_and_whose_door_comes_back_when_it_is_taken_away()
    {
        using (var place = SessionPlace.Take(profile))
        {
            Assert.Equal(SessionHolder.Current, SessionHolder.Find(profile));
            var busy = Assert.Throws<FaultException>(() => SessionPlace.Take(profile));
            Assert.Equal((FaultCodes.SessionBusy, $"{Environment.ProcessId}"), (busy.Code, busy.Details["pid"]));

            using var over = new CancellationTokenSource();
            var serving = place.ServeAsync((word, visitor, _) => visitor.TellAsync(new Report(ReportKind.Value, word)), over.Token);
            foreach (Action take in (Action[])[() => File.Delete(profile.SocketPath), () => Directory.Move(profile.SessionDirectory, profile.Home + ".session"), () => File.Delete(Path.Combine(profile.Home, "session.lock"))])
            {
                take();
                await Until(() => serving.IsCompleted || (File.Exists(profile.SocketPath) && SessionHolder.Find(profile) is not null));
                Assert.False(serving.IsCompleted, serving.IsFaulted ? $"{serving.Exception}" : "");
                Assert.Equal("info", (await new SessionLink(profile.SocketPath).AskAsync(SessionWords.Info, Stop).ToListAsync(Stop)).Single().Name);
                Assert.Throws<FaultException>(() => SessionPlace.Take(profile));
            }

            await over.CancelAsync();
            Assert.Equal("", await serving);
        }

        Assert.Null(SessionHolder.Find(profile));
        Assert.False(File.Exists(profile.SocketPath));
        SessionPlace.Take(profile).Dispose();
    }

    [Fact(Timeout = 30_000)]
    public async Task One_whose_profile_is_taken_away_says_that_it_has_to_leave()
    {
        using var place = SessionPlace.Take(profile);
        var serving = place.ServeAsync((_, _, _) => Task.CompletedTask, Stop);
        Directory.Move(profile.Home, profile.Home + ".moved");
        Assert.Contains("nobody could have told it to leave", await serving, StringComparison.Ordinal);
        Assert.False(Directory.Exists(profile.Home));
    }

    [Fact]
    public async Task A_session_on_another_computer_with_the_same_home_is_named_and_not_signalled()
    {
        using var held = ProfileLock.Take(profile.Home, SessionHolder.LockName, TimeSpan.Zero)!;
        held.Write(System.Text.Encoding.UTF8.GetBytes($"1 1 {Guid.NewGuid()} desk\n"));
        var holder = SessionHolder.Find(profile)!;
        Assert.Equal("desk", holder.Busy("").Details["computer"]);
        Assert.False(await holder.EndAsync(TimeSpan.Zero));
    }

    public void Dispose()
    {
        profile.Dispose();
        device.Dispose();
    }

    private static void SkipUnlessRoot()
    {
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(Unistd.EffectiveUser == 0, "needs root to be another user");
        }
    }

    private static FaultException Refused(Action act)
    {
        var fault = Assert.Throws<FaultException>(act);
        Assert.Equal(FaultCodes.UnsafePermissions, fault.Code);
        return fault;
    }

    private static string Quoted(string path) => $"'{path}'";

    private static async Task Until(Func<bool> seen)
    {
        while (!seen())
        {
            await Task.Delay(20, Stop);
        }
    }
}
