using Microsoft.Win32.SafeHandles;

namespace Safes.Linux.Tests;

public sealed class Children
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private static Child Shell(string script) => Child.Start(new ChildStart("sh", ["-c", script]));

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 37", 37)]
    [InlineData("kill -9 $$", 137)]
    [InlineData("kill -15 $$", 143)]
    public async Task A_child_s_exit_status_or_signal_is_told(string script, int status)
    {
        using var child = Shell(script);
        Assert.Equal(status, await child.WaitAsync(Limit));
    }

    [Fact]
    public void A_missing_program_is_an_error_at_once()
    {
        var e = Assert.Throws<LinuxException>(() => Child.Start(new ChildStart("/no/such/program", [])));
        Assert.Equal(Errno.NoEntry, e.Number);
        Assert.Contains("/no/such/program", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_child_that_goes_on_is_not_waited_for_longer_than_asked()
    {
        using var child = Shell("sleep 60");
        Assert.Null(await child.WaitAsync(TimeSpan.FromMilliseconds(50)));
        child.Kill();
        Assert.Equal(137, await child.WaitAsync(Limit));
    }

    [Fact]
    public async Task The_whole_group_is_killed()
    {
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.In);
        using var child = Child.Start(new ChildStart("sh", ["-c", "sleep 300 & sleep 300 & echo up; wait"]) { Output = pipe.ClientSafePipeHandle });
        pipe.DisposeLocalCopyOfClientHandle();
        var read = new StreamReader(pipe);
        Assert.Equal("up", await read.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Limit, TestContext.Current.CancellationToken));
        child.KillGroup();
        // The end of the pipe comes only when the grandchildren are gone too.
        Assert.Equal("", await read.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_child_has_the_descriptors_given_and_no_others()
    {
        using var file = TemporaryFile(out string path);
        using var stray = Fcntl.Open("/dev/null", Fcntl.ReadOnly);
        var output = await ListDescriptorsAsync([file, stray]);
        Assert.Equal(["0", "1", "2", "3", "4"], output);
        File.Delete(path);
    }

    [Fact]
    public async Task A_descriptor_that_is_given_is_the_one_that_the_child_writes_to()
    {
        using var file = TemporaryFile(out string path);
        using var child = Child.Start(new ChildStart("sh", ["-c", "echo through-three >&3"]) { Descriptors = [file] });
        Assert.Equal(0, await child.WaitAsync(Limit));
        Assert.Equal("through-three\n", await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
        File.Delete(path);
    }

    [Fact]
    public async Task A_child_inherits_no_environment()
    {
        Environment.SetEnvironmentVariable("SAFES_TEST_STRAY", "seen");
        var output = await Tool.RunAsync("env", []);
        Assert.DoesNotContain("SAFES_TEST_STRAY", output, StringComparison.Ordinal);
        Assert.DoesNotContain("DOTNET_", output.Replace("DOTNET_ROOT=", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void A_child_is_told_where_the_runtime_lies_if_we_were()
    {
        Assert.Equal("/opt/dotnet", ChildStart.EnvironmentWith("/opt/dotnet")["DOTNET_ROOT"]);
        Assert.DoesNotContain("DOTNET_ROOT", ChildStart.EnvironmentWith(null).Keys);
    }

    [Fact]
    public async Task A_child_is_not_left_with_ignored_or_blocked_signals()
    {
        var status = await Tool.RunAsync("cat", ["/proc/self/status"]);
        Assert.Contains("SigBlk:\t0000000000000000", status, StringComparison.Ordinal);
        Assert.Contains("SigIgn:\t0000000000000000", status, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_child_started_against_huge_pages_has_the_filter_and_this_process_has_not()
    {
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.In);
        using var child = Child.Start(new ChildStart("cat", ["/proc/self/status"]) { Output = pipe.ClientSafePipeHandle, NoHugePages = true });
        pipe.DisposeLocalCopyOfClientHandle();
        string status = await new StreamReader(pipe).ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Contains("Seccomp:\t2", status, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1", status, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t0", await File.ReadAllTextAsync("/proc/self/status", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hundred_children_leave_no_zombie_and_no_descriptor()
    {
        int before = Directory.GetFileSystemEntries("/proc/self/fd").Length;
        for (int i = 0; i < 100; i++)
        {
            using var child = Shell("exit 0");
            Assert.Equal(0, await child.WaitAsync(Limit));
        }

        string[] zombies = [.. Directory.GetDirectories("/proc", "1*").Where(d => IsZombieOfOurs(d))];
        Assert.Empty(zombies);
        Assert.InRange(Directory.GetFileSystemEntries("/proc/self/fd").Length, 0, before + 20);
    }

    private static bool IsZombieOfOurs(string process)
    {
        try
        {
            string[] fields = File.ReadAllText(process + "/stat").Split(") ")[^1].Split(' ');
            return fields[0] == "Z" && fields[1] == Environment.ProcessId.ToString() && File.ReadAllText(process + "/stat").Contains("(sh)", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static SafeFileHandle TemporaryFile(out string path)
    {
        path = Path.GetTempFileName();
        return Fcntl.Open(path, Fcntl.ReadWrite);
    }

    private static async Task<string[]> ListDescriptorsAsync(SafeFileHandle[] given)
    {
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.In);
        using var child = Child.Start(new ChildStart("sh", ["-c", "for i in 0 1 2 3 4 5 6 7 8 9 20 50 100 200; do [ -e /proc/$$/fd/$i ] && echo $i; done"]) { Descriptors = given, Output = pipe.ClientSafePipeHandle });
        pipe.DisposeLocalCopyOfClientHandle();
        string text = await new StreamReader(pipe).ReadToEndAsync(TestContext.Current.CancellationToken);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task A_log_that_is_a_pipe_or_a_link_is_refused_at_once()
    {
        string directory = Directory.CreateTempSubdirectory("safes-log-").FullName, pipe = Path.Combine(directory, "pipe"), link = Path.Combine(directory, "link");
        await Tool.RunAsync("mkfifo", [pipe]);
        File.CreateSymbolicLink(link, Path.Combine(directory, "elsewhere"));
        foreach (string log in (string[])[pipe, link])
        {
            var starting = Task.Run(() => Child.Start(new ChildStart("true", []) { LogFile = log }), TestContext.Current.CancellationToken);
            await Assert.ThrowsAsync<LinuxException>(() => starting.WaitAsync(Limit, TestContext.Current.CancellationToken));
        }

        Assert.False(File.Exists(Path.Combine(directory, "elsewhere")));
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void One_that_must_not_leave_a_core_leaves_none()
    {
        using var child = Child.Start(new ChildStart("sleep", ["60"]) { NoCore = true });
        string limit = File.ReadLines($"/proc/{child.Pid}/limits").Single(l => l.StartsWith("Max core file size", StringComparison.Ordinal));
        child.Kill();
        Assert.Matches("Max core file size +(1 +1|0 +0) +bytes", limit);
    }
}
