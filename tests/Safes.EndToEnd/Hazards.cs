using System.Text.Json.Nodes;

namespace Safes.EndToEnd;

/// <summary>What hosts do with the team's directory that can lose something is said: at once, as it closes, and at the next opening.</summary>
internal sealed class Hazards(Stage stage, Person person)
{
    private const string Database = "lab.db";

    public async Task HappenAsync()
    {
        stage.Fact("nothing of /safe is in danger (control)", (await TroublesAsync()).Length == 0);
        await person.WorkAsync("desk.ledger", """
            nohup sh -c 'exec 7<>/safe/scratch; echo draft >&7; rm /safe/scratch; exec sleep 3600' >/dev/null 2>&1 </dev/null & echo $! >holder; sleep 1
            """);
        foreach (string host in (string[])["desk", "build"])
        {
            await person.WorkAsync($"{host}.ledger", $"""
                nohup python3 -c 'import sqlite3, time
                d = sqlite3.connect("/safe/{Database}", isolation_level=None)
                d.execute("pragma journal_mode=wal"); d.execute("create table if not exists t(x)"); d.execute("insert into t values(1)")
                time.sleep(3600)' >/dev/null 2>&1 </dev/null & echo $! >database
                for i in 1 2 3 4 5 6 7 8 9; do [ -e /safe/{Database}-wal ] || sleep 1; done; sleep 2
                """);
        }

        string said = string.Join('\n', await TroublesAsync());
        stage.Fact("a database in WAL mode on two hosts is named", said.Contains($"build and desk have the SQLite database /safe/{Database} open in WAL mode", StringComparison.Ordinal), said);
        stage.Fact("a removed file that is still open is counted", said.Contains("desk: 1 removed file on /safe is still open", StringComparison.Ordinal), said);
        var login = await person.SafeAsync(["ssh", "build", "--", "echo in"]);
        stage.Fact("who logs in is told", login.Output == "in\n" && login.Error.Contains($"/safe/{Database} open in WAL mode", StringComparison.Ordinal), login.Output + login.Error);
        foreach (string host in (string[])["desk", "build"])
        {
            await person.WorkAsync($"{host}.ledger", $"kill $(cat database); sleep 1; rm -f database /safe/{Database}*");
        }
    }

    public void Left(string leave) =>
        stage.Fact("who leaves is told what will be lost", leave.Contains("1 removed file on /safe was still open", StringComparison.Ordinal), leave);

    public async Task LostAsync(string open)
    {
        stage.Fact("who opens is told what was lost", open.Contains("1 removed file on /safe was still open when the safe closed", StringComparison.Ordinal), open);
        string read = await person.WorkAsync("desk.ledger", "cat /proc/$(cat holder)/fd/7 2>&1; kill $(cat holder)");
        stage.Fact("and it is lost", read.Contains("Input/output error", StringComparison.Ordinal), read);
    }

    private async Task<string[]> TroublesAsync()
    {
        var status = await person.SafeAsync(["status", "--json"]);
        return [.. JsonNode.Parse(status.Output)!["share_troubles"]!.AsArray().Select(t => (string)t!["text"]!)];
    }
}
