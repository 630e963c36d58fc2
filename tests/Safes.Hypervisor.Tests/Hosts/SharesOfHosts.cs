#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; every wait here has an end of its own
using System.Runtime.InteropServices;
using Safes.Contracts.Link;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Resident;
using Safes.Hypervisor.Within;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Hosts;

/// <summary>What hosts have open on the team's share: seen by numbers, named to members alone.</summary>
public sealed class SharesOfHosts : IDisposable
{
    private const int Desk = 10, Build = 11;

    private readonly string home = Directory.CreateTempSubdirectory("safes-shares").FullName;
    private readonly List<Child> daemons = [];

    private string Share => Path.Combine(home, "share");

    public void Dispose()
    {
        daemons.ForEach(d =>
        {
            d.KillGroup();
            d.Dispose();
        });
        Directory.Delete(home, recursive: true);
    }

    [Fact(Timeout = 60_000)]
    public async Task What_two_hosts_write_and_what_was_removed_is_seen_and_nothing_else()
    {
        Serve(Desk, "exec 3>>both 4>>mine 5<read 6<>gone 7<>gone8; rm gone gone8");
        Serve(Build, "exec 3<>both 4<mine 5<read");
        var (seen, answer) = await SeenAsync(s => s.Removed.Count > 0 && s.Contended.Count > 0);
        Assert.Equal([(Desk, 2)], seen.Removed.Select(r => (r.Key, r.Value)));
        var both = Assert.Single(seen.Contended);
        Assert.Equal(Path.Combine(Share, "both"), both.Path);
        Assert.Equal([Desk, Build], both.Hosts);
        Assert.Single(answer.SharedFiles);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_place_that_is_handed_over_cannot_be_read()
    {
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Share).FullName, "both"), "secret");
        Serve(Desk, "exec 3<>both");
        Serve(Build, "exec 3<>both");
        List<SafeHandle> handed = [];
        await SeenAsync(s => s.Contended.Count > 0, handed);
        Assert.NotEmpty(handed);
        Assert.All(handed, h => Assert.Equal(Fcntl.PathOnly, FlagsOf(h) & Fcntl.PathOnly));    // by such a one nothing is read or written: EBADF, open(2)
        handed.ForEach(h => h.Dispose());
    }

    [Fact(Timeout = 60_000)]
    public async Task More_files_than_can_be_handed_over_are_left_out()
    {
        const string Many = "i=0; while [ $i -lt 24 ]; do : >>f$i; eval \"exec $((i + 10))<>f$i\"; i=$((i + 1)); done";
        Serve(Desk, Many);
        Serve(Build, Many);
        var (seen, _) = await SeenAsync(s => s.Contended.Count == SharesSeen.Most);
        Assert.Equal(SharesSeen.Most, seen.Contended.Select(f => f.Path).Distinct().Count());
    }

    [Fact]
    public void Members_are_told_in_words_which_name_a_database_once()
    {
        var seen = new SharesSeen(new Dictionary<int, int> { [Build] = 1, [Desk] = 3 },
            [new("/lab.db", [Desk, Build]), new("/lab.db-wal", [Build, Desk]), new("/lab.db-shm", [Desk, Build]), new("/notes", [Desk, Build, 12])]);
        Assert.Equal(
            [
                "build and desk have the SQLite database /safe/lab.db open in WAL mode: committed rows get lost, and nothing tells. Use it on one host",
                "build, desk and web have /safe/notes open for writing at once: what one of them writes can be lost",
                "build: 1 removed file on /safe is still open; after the next close it cannot be read any more",
                "desk: 3 removed files on /safe are still open; after the next close they cannot be read any more",
            ],
            ShareWords.Of(seen, n => n switch { Desk => "desk", Build => "build", _ => "web" }).Select(t => t.Text));
        Assert.Equal("", ShareWords.Lost(0));
        Assert.Equal("2 removed files on /safe were still open when the safe closed: reading them gives EIO; start anew what has them open", ShareWords.Lost(2));
    }

    private static int FlagsOf(SafeHandle opened) => Convert.ToInt32(
        File.ReadLines($"/proc/self/fdinfo/{opened.DangerousGetHandle()}").Single(l => l.StartsWith("flags:", StringComparison.Ordinal))[6..].Trim(), 8);

    /// <summary>What stands in for a share daemon: it is told by where it works and an argument, as the real ones are.</summary>
    private void Serve(int host, string script)
    {
        Directory.CreateDirectory(Share);
        File.AppendAllText(Path.Combine(Share, "read"), "");
        File.AppendAllText(Path.Combine(Share, "mine"), "");
        string run = Directory.CreateDirectory(RunOf(host)).FullName;
        // Its child is the one that has files open, as virtiofsd's is; the launcher waits for it.
        daemons.Add(Child.Start(new ChildStart("bash", ["-c", $"(cd \"$0\"; {script}; exec sleep 600) & wait", Share, "--shared-dir"]) { WorkingDirectory = run }));
    }

    private string RunOf(int host) => Path.Combine(home, $"run-{host}");

    private async Task<(SharesSeen Seen, ResidentAnswer Answer)> SeenAsync(Predicate<SharesSeen> until, List<SafeHandle>? keep = null)
    {
        for (var end = BootClock.Now + TimeSpan.FromSeconds(30); ; await Task.Delay(50))
        {
            var answer = new ResidentAnswer();
            List<SafeHandle> handed = [];
            ShareLook.At([(Desk, RunOf(Desk)), (Build, RunOf(Build))], Share, answer, handed);
            var seen = RemoteShares.Of(answer, handed);
            if (until(seen) || BootClock.Now > end)
            {
                (keep ?? []).AddRange(handed);
                return (seen, answer);
            }

            handed.ForEach(h => h.Dispose());
        }
    }
}
