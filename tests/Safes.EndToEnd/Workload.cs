namespace Safes.EndToEnd;

/// <summary>
/// What a host does while things are cut: a database on the team's directory and a git repository on its own disk, each growing by numbers
/// that are synced before they count. It starts by itself, also after a cold start.
/// </summary>
internal static class Workload
{
    /// <summary>Installs and starts it.</summary>
    public const string Start = """
        set -e
        sudo tee /usr/local/bin/workload >/dev/null <<'P'
        #!/usr/bin/python3
        import os, sqlite3, subprocess, time
        os.makedirs("/safe/load", exist_ok=True); os.makedirs("/var/lib/load", exist_ok=True); os.chdir("/var/lib/load")
        def git(*a): subprocess.run(["git", "-c", "user.name=w", "-c", "user.email=w@w", "-c", "core.fsync=all", *a], check=True, stdout=subprocess.DEVNULL)
        for lock in (".git/index.lock", ".git/HEAD.lock", ".git/refs/heads/main.lock"):
            if os.path.exists(lock): os.remove(lock)   # what a killed git leaves, as its manual says
        if not os.path.exists(".git"):
            git("init", "-q", "-b", "main")
            os.sync()       # it syncs what is committed, and not what a repository begins with
        db = sqlite3.connect("/safe/load/numbers.db", timeout=60)
        db.execute("pragma synchronous=full"); db.execute("create table if not exists number (n integer primary key, text text)"); db.commit()
        n = db.execute("select coalesce(max(n), 0) from number").fetchone()[0]
        while True:
            n += 1
            db.execute("insert into number values (?, ?)", (n, "x" * 500)); db.commit()
            if n % 5 == 0:
                with open("file", "w") as f: f.write(f"{n}\n" * 20)
                git("add", "file"); git("commit", "-q", "--allow-empty", "-m", str(n))
            time.sleep(0.05)
        P
        sudo chmod 755 /usr/local/bin/workload
        sudo tee /etc/systemd/system/workload.service >/dev/null <<'U'
        [Unit]
        RequiresMountsFor=/safe
        [Service]
        ExecStart=/usr/local/bin/workload
        Restart=always
        RestartSec=1
        [Install]
        WantedBy=multi-user.target
        U
        sudo systemctl enable -q --now workload
        sync
        """;

    /// <summary>Prints what is there: the highest number of each, how many there are, and whether both are sound.</summary>
    private const string Look = """
        sudo python3 - <<'P'
        import sqlite3, subprocess
        db = sqlite3.connect("/safe/load/numbers.db", timeout=60)
        print("database", *db.execute("select max(n), count(n) from number").fetchone(), db.execute("pragma integrity_check").fetchone()[0])
        g = ["git", "-c", "safe.directory=*", "-C", "/var/lib/load"]
        # The work stands still meanwhile, as a cut would leave it: to fsck what comes between its two looks is missing.
        subprocess.run(["systemctl", "kill", "-s", "STOP", "workload"], check=True)
        try:
            last = subprocess.run([*g, "log", "-1", "--format=%s"], capture_output=True, text=True).stdout.strip()
            count = subprocess.run([*g, "rev-list", "--count", "HEAD"], capture_output=True, text=True).stdout.strip()
            fsck = subprocess.run([*g, "fsck", "--full"], capture_output=True, text=True)
        finally:
            subprocess.run(["systemctl", "kill", "-s", "CONT", "workload"], check=True)
        wrong = [l for l in (fsck.stdout + fsck.stderr).splitlines() if not l.startswith(("dangling", "Checking", "notice"))]
        print("git", last or 0, count or 0, "ok" if fsck.returncode == 0 and not wrong else "|".join(wrong) or f"fsck ended with {fsck.returncode}")
        P
        """;

    /// <summary>What was seen last: it was synced, so less must never be seen later.</summary>
    internal sealed record Seen(int Number, int Commit)
    {
        public static Seen Nothing { get; } = new(0, 0);
    }

    /// <summary>Looks into the host; what is wrong is said in words.</summary>
    /// <returns>What is there now, and null or what is wrong with it.</returns>
    public static async Task<(Seen Now, string? Wrong)> LookAsync(Person person, string host, Seen before)
    {
        string said = await person.WorkAsync(host, Look, TimeSpan.FromMinutes(2));
        string[][] lines = [.. said.Split('\n').Select(l => l.Split(' ', 4))];
        if (lines is not [["database", var number, var count, var database], ["git", var commit, _, var repository]])
        {
            return (before, said);
        }

        var now = new Seen(int.Parse(number, null), int.Parse(commit, null));
        string? wrong = database != "ok" ? $"database: {database}"
            : repository != "ok" ? $"git: {repository}"
            : count != number ? $"numbers are missing: {count} up to {number}"
            : now.Number < before.Number ? $"number {before.Number} was synced, {now.Number} is the last"
            : now.Commit < before.Commit ? $"commit {before.Commit} was synced, {now.Commit} is the last"
            : null;
        return (now, wrong);
    }
}
