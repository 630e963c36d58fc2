namespace Safes.EndToEnd;

/// <summary>A computation in a host that would notice any lost write, reopened file or repeated number.</summary>
internal static class Computation
{
    public const string Start = """
        cat > ~/count.py <<'P'
        import os, time
        f = os.open("/safe/count", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        own = open(os.path.expanduser("~/count"), "a")
        n = 0
        while True:
            n += 1
            os.write(f, b"%d\n" % n)
            own.write("%d\n" % n); own.flush()
            time.sleep(0.1)
        P
        setsid python3 ~/count.py </dev/null >/dev/null 2>&1 & for i in $(seq 100); do [ -s /safe/count ] && break; sleep 0.1; done
        """;

    public const string Count = "wc -l < /safe/count";

    public const string Check = """
        awk '$1 != NR {print "number", $1, "at", NR; bad=1; exit} END {if (!bad) print "sound"}' /safe/count
        """;
}
