using System.Globalization;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>
/// What root on the server can do to an open volume from beside it: numbered files, a database and a git repository that grow, each number
/// reported elsewhere once it was synced, with how much the disk had been told by then. Whether all that is there again, it can say later.
/// </summary>
internal sealed class Load(World world, ServerDisk disk) : IDisposable
{
    /// <summary>Stands in every file, so that plaintext can be looked for.</summary>
    public const string Canary = "CANARY-numbered-files-4711";

    private const string Common = $$"""
        import os, sqlite3, subprocess, sys
        place = sys.argv[1]; files = place + "/files"; repository = place + "/repository"
        def content(n): return (f"{{Canary}} {n}\n" * (1 + n % 400)).encode()
        def git(*a): return subprocess.run(["git", "-C", repository, "-c", "user.name=w", "-c", "user.email=w@w", "-c", "core.fsync=all", "-c", "gc.auto=0",
            "-c", "safe.directory=*", *a], check=True, capture_output=True, text=True).stdout.strip()
        def sync(path):
            f = os.open(path, os.O_RDONLY); os.fsync(f); os.close(f)

        """;

    private const string Write = Common + """
        for made in (files, repository): os.makedirs(made, exist_ok=True)
        for lock in ("index.lock", "HEAD.lock", "refs/heads/main.lock"):
            if os.path.exists(f"{repository}/.git/{lock}"): os.remove(f"{repository}/.git/{lock}")   # what a killed git leaves, as its manual says
        if not os.path.exists(repository + "/.git/HEAD"): git("init", "-q", "-b", "main")
        subprocess.run(["sync", "-f", place], check=True)     # what init makes, git syncs not at all
        db = sqlite3.connect(place + "/numbers.db")
        db.execute("pragma synchronous=extra")     # with full, the end of a transaction may not be on the disk yet
        db.execute("create table if not exists number (n integer primary key, text text)"); db.commit()
        for made in (place, os.path.dirname(place)): sync(made)
        said = open(sys.argv[2], "a")
        def report(what, n): print(what, n, os.path.getsize(sys.argv[3]), file=said, flush=True)
        n = max([0, *map(int, filter(str.isdigit, os.listdir(files)))])
        while True:
            n += 1
            with open(f"{files}/new", "wb") as f: f.write(content(n)); f.flush(); os.fsync(f.fileno())
            os.rename(f"{files}/new", f"{files}/{n}"); sync(files); report("files", n)
            db.execute("insert or replace into number values (?, ?)", (n, "x" * 500)); db.commit(); report("database", n)
            if n % 5 == 0:
                with open(repository + "/file", "w") as f: f.write(f"{n}\n" * 20)
                git("add", "file"); git("commit", "-q", "--allow-empty", "-m", str(n))
                for d in (".git/refs/heads", ".git"): sync(f"{repository}/{d}")
                report("git", n)

        """;

    private const string Look = Common + """
        there = sorted(map(int, filter(str.isdigit, os.listdir(files))))
        wrong = [n for n in there if open(f"{files}/{n}", "rb").read() != content(n)] + sorted(set(range(1, max([0, *there]))) - set(there))
        print("files", max([0, *there]), f"missing or damaged: {wrong}" if wrong else "ok")
        db = sqlite3.connect(place + "/numbers.db")
        print("database", db.execute("select coalesce(max(n), 0) from number").fetchone()[0], db.execute("pragma integrity_check").fetchone()[0])
        fsck = subprocess.run(["git", "-c", "safe.directory=*", "-C", repository, "fsck", "--full"], capture_output=True, text=True)
        print("git", git("log", "-1", "--format=%s"), "ok" if fsck.returncode == 0 else (fsck.stdout + fsck.stderr).replace("\n", "|"))

        """;

    private Child? writing;

    /// <summary>Its end: by itself only when the volume fails it.</summary>
    public Task Ended => writing!.Exited;

    private string Reported => Path.Combine(world.Home, "reported");

    private string Pin => Path.Combine(world.RunRoot, "ledger", "ns", "mnt");

    private string Place => Path.Combine(world.RunRoot, "ledger", "volume", "safe", "share", "load");

    /// <summary>How many numbers were reported as synced.</summary>
    public int Count => File.Exists(Reported) ? File.ReadLines(Reported).Count() : 0;

    /// <summary>Starts it and waits until it has synced something.</summary>
    public async Task StartAsync()
    {
        int before = Count;
        writing = Child.Start(new ChildStart("nsenter", [$"--mount={Pin}", "--", "python3", "-c", Write, Place, Reported, disk.Log]) { LogFile = Path.Combine(world.Home, "load.log") });
        await MoreThanAsync(before + 12);
    }

    public async Task MoreThanAsync(int count)
    {
        for (TimeSpan end = BootClock.Now + TimeSpan.FromSeconds(60); Count <= count; await Task.Delay(20))
        {
            if (writing!.Exited.IsCompleted || BootClock.Now > end)
            {
                throw new InvalidOperationException($"nothing is written: {await File.ReadAllTextAsync(Path.Combine(world.Home, "load.log"))}");
            }
        }
    }

    public async Task StopAsync()
    {
        if (writing is { } w)
        {
            w.KillGroup();
            await w.Exited;
            w.Dispose();
        }

        writing = null;
    }

    /// <summary>Something that is still to be written when the volume closes.</summary>
    public Task LeaveUnsyncedAsync() => Tool.RunAsync("nsenter", [$"--mount={Pin}", "--", "dd", "if=/dev/zero", $"of={Place}/unsynced", "bs=1M", "count=4"]);

    /// <summary>Whether everything that was reported is there, whole.</summary>
    /// <returns>What is there, and null or what is wrong with it.</returns>
    public async Task<(string Seen, string? Wrong)> LookAsync()
    {
        var reported = Reports().GroupBy(r => r.What).ToDictionary(g => g.Key, g => g.Max(r => r.Number));
        var look = await Tool.TryAsync("nsenter", [$"--mount={Pin}", "--", "python3", "-c", Look, Place], limit: TimeSpan.FromMinutes(2));
        if (look.Exit != 0)
        {
            return ("", $"it cannot be read: {look.Error.Trim().Split('\n')[^1]}");
        }

        var seen = look.Output.Trim().Split('\n').Select(l => l.Split(' ', 3)).ToDictionary(l => l[0], l => (Number: int.Parse(l[1], CultureInfo.InvariantCulture), Words: l[2]));
        string[] wrong =
        [
            .. seen.Where(s => s.Value.Words != "ok").Select(s => $"{s.Key}: {s.Value.Words}"),
            .. reported.Where(r => seen[r.Key].Number < r.Value).Select(r => $"{r.Key}: {r.Value} was synced, {seen[r.Key].Number} is the last"),
        ];
        return ($"{seen["files"].Number} files, {seen["database"].Number} rows, commit {seen["git"].Number}", wrong.Length == 0 ? null : string.Join("; ", wrong));
    }

    /// <summary>The power went when the disk had been told so much: what was reported later was not.</summary>
    public void Forget(long cut) =>
        File.WriteAllLines(Reported, Reports().Where(r => r.Told <= cut).Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.What} {r.Number} 0")).ToArray());

    private IEnumerable<(string What, int Number, long Told)> Reports() =>
        File.ReadAllLines(Reported).Select(l => l.Split(' ')).Where(l => l.Length == 3 && l[2].Length > 0)
            .Select(l => (l[0], int.Parse(l[1], CultureInfo.InvariantCulture), long.Parse(l[2], CultureInfo.InvariantCulture)));

    /// <summary>The control: whether a file's text is readable in the open volume.</summary>
    public async Task<bool> IsReadableAsync() =>
        (await Tool.TryAsync("nsenter", [$"--mount={Pin}", "--", "grep", "-rlqF", Canary, Place + "/files"])).Exit == 0;

    public void Dispose() => writing?.Dispose();
}
