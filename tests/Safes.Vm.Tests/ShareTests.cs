using System.Globalization;
using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>The share in a host, and a host that was away for days.</summary>
[Trait("needs", "guest")]
public sealed class ShareTests(SharedFleet shared) : IClassFixture<SharedFleet>, IAsyncLifetime
{
    private readonly Fleet fleet = shared.Fleet;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        fleet.With = o => o;
        await fleet.RestoreAsync();
        foreach (var host in fleet.Hosts.Status())
        {
            await fleet.Hosts.RemoveAsync(host.Name);
        }
    }

    [Fact]
    public async Task A_tree_larger_than_all_descriptors_of_virtiofsd_is_walked_and_the_host_goes_on_after_a_close()
    {
        const int Files = 4000, Descriptors = 1000;
        Directory.CreateDirectory(fleet.Volume.At("share/tree"));
        for (int i = 0; i < Files; i++)
        {
            File.WriteAllText(fleet.Volume.At($"share/tree/{i}"), "x");
        }

        fleet.With = o => o with { Tools = o.Tools with { Virtiofsd = [.. o.Tools.Virtiofsd, "--rlimit-nofile", $"{Descriptors}"] } };
        await fleet.Hosts.DisposeAsync();
        await fleet.StartAsync();
        await fleet.Hosts.AddAsync(new HostRequest("desk"));
        var processes = fleet.Hosts.Processes;
        Assert.All(processes, p => Assert.Matches("Max core file size +[01] +[01] ", File.ReadAllText($"/proc/{p.Pid}/limits")));
        Assert.Matches($"Max open files +{Descriptors} ", File.ReadAllText($"/proc/{processes[^1].Pid}/limits"));
        const string Walk = "find /safe/tree -type f -size 1 | wc -l";
        Assert.Equal(Files, int.Parse(await RunAsync(Walk), CultureInfo.InvariantCulture));
        Assert.InRange(Directory.GetFileSystemEntries($"/proc/{processes[^1].Pid}/fd").Length, 1, Descriptors);

        await RunAsync("sudo sh -c 'exec 7</safe/tree/7; sleep 600 <&7 >/dev/null 2>&1 & echo $! >/run/holder'");
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.Equal("x", await RunAsync("sudo cat /proc/$(cat /run/holder)/fd/0"));
        Assert.Equal(Files, int.Parse(await RunAsync(Walk), CultureInfo.InvariantCulture));

        // Within a host locks exclude. README says what they do not do.
        Assert.Equal("held", await RunAsync("flock /safe/tree/1 sh -c 'flock -n /safe/tree/1 true || echo held'"));
    }

    [Fact]
    public async Task What_a_share_daemon_knows_is_bounded_however_many_files_a_host_looks_at()
    {
        const int Files = 8_000, Trees = 4;
        const long Most = 8 << 20;
        fleet.With = o => o with { ShareMemory = Most };
        await fleet.Hosts.DisposeAsync();
        await fleet.StartAsync();
        await fleet.Hosts.AddAsync(new HostRequest("walker"));
        await fleet.RunAsync("walker", "exec 3</safe; echo kept >/safe/kept");
        List<long> held = [];
        for (int tree = 0; tree < Trees; tree++)
        {
            string at = Directory.CreateDirectory(fleet.Volume.At($"share/walked{tree}")).FullName;
            for (int i = 0; i < Files; i++)
            {
                File.WriteAllBytes(Path.Combine(at, $"{i}"), [1]);
            }

            // Read, too: a file whose content its kernel keeps is not forgotten so easily.
            await fleet.RunAsync("walker", $"test $(find /safe/walked{tree} -type f -print0 | xargs -0 cat | wc -c) = {Files}");
            held.Add(fleet.Hosts.Processes.Skip(1).Sum(p => ProcessTable.OwnMemory(p.Pid)));
            await fleet.Hosts.LookAtRoomAsync();    // as each minute
        }

        Assert.True(held[1] - held[0] > Files * 400, string.Join(' ', held));    // the control: files cost memory
        Assert.True(held[^1] < held[1] + (Files * 400), string.Join(' ', held));
        await fleet.RunAsync("walker", "grep -q kept /safe/kept && mountpoint -q /safe");
    }

    [Fact]
    public async Task After_three_days_away_a_host_answers_at_once_with_the_right_time_and_nothing_storms()
    {
        await fleet.Hosts.AddAsync(new HostRequest("away"));
        // What it will have missed when it is told the time: the clock of the days' sleep, none of which its own time since boot has seen.
        string before = await RunAsync("""
            sudo systemctl stop qemu-guest-agent >/dev/null 2>&1; sudo date -s '3 days ago' >/dev/null; sudo systemctl start qemu-guest-agent
            mkdir -p m; cd m; printf 'out: in\n\tcp in out; echo made\n' >Makefile; echo 1 >in; make >/dev/null; make -q && date +%s
            """);
        Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(before, CultureInfo.InvariantCulture), 259_000, 260_000);
        Assert.All(await fleet.CloseAsync(), o => Assert.True(o.Done, Fleet.Why(o)));

        Assert.All(await fleet.ReopenAsync(), o => Assert.True(o.Done, Fleet.Why(o)));
        var begin = BootClock.Now;
        await RunAsync("true");
        var answered = BootClock.Now - begin;
        TestContext.Current.TestOutputHelper?.WriteLine($"answered {answered.TotalSeconds:0.0} s after the opening");
        Assert.True(answered < TimeSpan.FromSeconds(50), $"{answered}");       // 10 s where nobody else works

        string now = DateTimeOffset.UtcNow.ToString("r", CultureInfo.InvariantCulture), soon = DateTimeOffset.UtcNow.AddHours(1).ToString("r", CultureInfo.InvariantCulture);
        await RunAsync($"""
            set -e
            off=$(($(date +%s) - {DateTimeOffset.UtcNow.ToUnixTimeSeconds()})); [ $off -ge -1 ] && [ $off -lt 60 ]
            cd m; make -q; echo 2 >in; touch -d '1 second ago' out; make >/dev/null; grep -q 2 out; make -q; cd ..
            mkdir -p repo; cd repo; : >Packages
            printf 'Date: {now}\nValid-Until: {soon}\nSHA256:\n %s 0 Packages\n' $(sha256sum Packages | cut -d' ' -f1) >Release
            echo "deb [trusted=yes] file:$PWD ./" >list; mkdir -p lists/partial
            apt-get update -qq -o Dir::Etc::sourcelist=$PWD/list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$PWD/lists -o Acquire::Check-Date=true -o Debug::NoLocking=1 -o APT::Sandbox::User=anna >&2
            openssl req -x509 -newkey ed25519 -nodes -keyout k -out c -days 1 -subj /CN=x 2>/dev/null; openssl verify -CAfile c c >/dev/null
            """);
        // Units that were begun since it came back: the session of who looks, and what the days' calendar owed, one by one.
        string minute = $"--since @{DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 60}";
        int begun = await BegunAsync(minute);
        Assert.InRange(begun, 0, 15);
        await RunAsync("sudo systemctl restart systemd-tmpfiles-clean.service");
        Assert.True(await BegunAsync(minute) > begun, "the control: one that begins is counted");
        Assert.Equal("", await RunAsync("systemctl --failed --plain --no-legend"));
        Assert.All(fleet.Hosts.Status(), s => Assert.Equal((HostState.Running, ""), (s.State, s.Note)));
    }

    private async Task<int> BegunAsync(string since) => int.Parse(
        await RunAsync($"sudo journalctl -q -b -o cat {since} _PID=1 | grep -c '^Starting ' || true"), CultureInfo.InvariantCulture);

    private Task<string> RunAsync(string command) => fleet.RunAsync(fleet.Hosts.Status()[0].Name, command);
}
