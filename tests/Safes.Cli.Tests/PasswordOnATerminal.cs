using System.Text;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Cli.Tests;

/// <summary>The prompt of the real program on a real pseudo-terminal.</summary>
public sealed class PasswordOnATerminal : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly SafeProgram safe = new();
    private readonly SafeFileHandle master, terminal;
    private readonly StringBuilder seen = new();
    private readonly Child child;

    public PasswordOnATerminal()
    {
        (master, string path) = Pty.Open();
        terminal = Fcntl.Open(path, Fcntl.ReadWrite | Fcntl.NoControllingTerminal);
        child = Start(terminal);
        new Thread(Read) { IsBackground = true }.Start();
    }

    private Child Start(SafeFileHandle on, params string[] more) => Child.Start(new ChildStart("setsid", ["--wait", "--ctty", SafeProgram.Program, "selftest", "--ask", .. more])
    {
        Environment = safe.Environment,
        Input = on,
        Output = on,
        Error = on,
    });

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 30_000)]
    public async Task What_is_typed_is_read_and_not_shown()
    {
        await ShownAsync("Password for 'selftest': ");
        Assert.False(Termios.Get(terminal).ShowsTyping);
        Type("correct hörse\n");
        await ShownAsync("13 characters");
        Assert.Equal(0, await child.WaitAsync(Limit));
        Assert.DoesNotContain("correct", Shown(), StringComparison.Ordinal);
        Assert.True(Termios.Get(terminal).ShowsTyping);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_prompt_with_a_limit_ends_by_itself_with_the_terminal_as_it_was()
    {
        var (other, path) = Pty.Open();
        using (other)
        using (var on = Fcntl.Open(path, Fcntl.ReadWrite | Fcntl.NoControllingTerminal))
        using (var limited = Start(on, "--within", "1"))
        {
            Assert.Equal(15, await limited.WaitAsync(Limit));
            Assert.True(Termios.Get(on).ShowsTyping);
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task Backspace_takes_a_character_back()
    {
        await ShownAsync("': ");
        Type("abcd\u007f\u007f\n");
        await ShownAsync("2 characters");
    }

    [Fact(Timeout = 30_000)]
    public async Task Ctrl_C_ends_it_within_a_second_with_130_and_the_terminal_as_it_was()
    {
        await ShownAsync("': ");
        var begun = BootClock.Now;
        Type("half a pass\u0003");
        Assert.Equal(130, await child.WaitAsync(Limit));
        // A second for the program, some more for a busy machine.
        Assert.InRange((BootClock.Now - begun).TotalSeconds, 0, 2);
        Assert.True(Termios.Get(terminal).ShowsTyping);
    }

    [Theory(Timeout = 30_000)]
    [InlineData(SignalNumbers.Terminate, 143)]
    [InlineData(SignalNumbers.Hangup, 129)]
    public async Task A_signal_ends_it_with_the_terminal_as_it_was(int signal, int exit)
    {
        await ShownAsync("': ");
        using var process = await ProcessAsync();
        process.Signal(signal);
        Assert.Equal(exit, await child.WaitAsync(Limit));
        Assert.True(Termios.Get(terminal).ShowsTyping);
    }

    [Fact(Timeout = 30_000)]
    public async Task Ctrl_Z_shows_typing_again_until_it_is_continued()
    {
        await ShownAsync("': ");
        using var process = await ProcessAsync();
        Type("\u001a");
        await Until(() => File.ReadAllText($"/proc/{process.Pid}/stat").Split(") ")[1].StartsWith('T'));
        Assert.True(Termios.Get(terminal).ShowsTyping);
        process.Signal(SignalNumbers.Continue);
        await Until(() => !Termios.Get(terminal).ShowsTyping);
        await ShownAsync("': ", times: 2);
        Type("after all\n");
        await ShownAsync("9 characters");
        Assert.Equal(0, await child.WaitAsync(Limit));
        Assert.True(Termios.Get(terminal).ShowsTyping);
    }

    [Fact(Timeout = 30_000)]
    public async Task Nothing_typed_is_no_password()
    {
        await ShownAsync("': ");
        Type("\n");
        await ShownAsync("no password was typed  [no-password]");
        Assert.Equal(15, await child.WaitAsync(Limit));
    }

    [Fact(Timeout = 30_000)]
    public async Task Without_a_terminal_it_says_how_to_give_one()
    {
        var result = await safe.RunAsync(["selftest", "--ask"]);
        Assert.Equal(15, result.Exit);
        Assert.Contains("--password-fd N", result.Error, StringComparison.Ordinal);
        Assert.Equal("8 characters\n", (await safe.RunAsync(["selftest", "--ask"], password: "by a fd!")).Output);
        Type("\n");
        await child.WaitAsync(Limit).WaitAsync(Stop);
    }

    public void Dispose()
    {
        child.KillGroup();
        child.Dispose();
        terminal.Dispose();
        master.Dispose();
        safe.Dispose();
    }

    private void Type(string text) => Unistd.Write(master, Encoding.UTF8.GetBytes(text));

    /// <summary>The program itself; setsid waits for it.</summary>
    private async Task<PidFd> ProcessAsync()
    {
        string children = $"/proc/{child.Pid}/task/{child.Pid}/children";
        await Until(() => File.ReadAllText(children).Length > 0);
        return PidFd.Open(int.Parse((await File.ReadAllTextAsync(children, Stop)).Split(' ')[0]))!;
    }

    private Task ShownAsync(string text, int times = 1) => Until(() => Shown().Split(text).Length > times);

    private string Shown()
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

    private void Read()
    {
        byte[] buffer = new byte[4096];
        try
        {
            int n;
            while ((n = Unistd.Read(master, buffer)) > 0)
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
