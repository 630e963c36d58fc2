using Safes.Hypervisor.Hosts;
using Safes.Linux;

namespace Safes.Vm.Tests;

/// <summary>Hosts as members have them: added in seconds, reached by certificate, there again after the safe was closed.</summary>
[Trait("needs", "guest")]
public sealed class FleetTests
{
    private readonly ITestOutputHelper output = TestContext.Current.TestOutputHelper!;

    [Fact]
    public async Task Hosts_are_cloned_reached_by_certificate_and_come_back_as_they_were()
    {
        await using var fleet = await Fleet.OpenAsync(12L << 30);
        var progress = new Log(output);
        var begin = BootClock.Now;
        var desk = await fleet.Hosts.AddAsync(new HostRequest("desk"), progress);
        output.WriteLine($"first host after {(BootClock.Now - begin).TotalSeconds:0.0} s");
        Assert.Equal(HostState.Running, desk.State);
        begin = BootClock.Now;
        await fleet.Hosts.AddAsync(new HostRequest("build", DiskBytes: 4L << 30), progress);
        output.WriteLine($"second host after {(BootClock.Now - begin).TotalSeconds:0.0} s");

        string[] deskSays = (await fleet.RunAsync("desk", "id -un; id -g; hostname; sudo -n id -un; echo from-desk >/safe/note; cat /etc/machine-id; cat /proc/sys/kernel/random/uuid")).Split('\n');
        Assert.Equal(["anna", "3000", "desk", "root"], deskSays[..4]);
        string[] buildSays = (await fleet.RunAsync("build", "cat /safe/note; df --output=size -B1M / | tail -1; cat /etc/machine-id; cat /proc/sys/kernel/random/uuid; stat -c %G /safe/note; gcc --version | head -1")).Split('\n');
        Assert.Equal("from-desk", buildSays[0]);
        Assert.True(int.Parse(buildSays[1], System.Globalization.CultureInfo.InvariantCulture) > 3700, $"the disk did not grow: {buildSays[1]} MiB");
        Assert.Equal(2, deskSays[4..6].Concat(buildSays[2..4]).Distinct().Count() / 2);
        Assert.Equal("team", buildSays[4]);
        Assert.StartsWith("gcc", buildSays[5], StringComparison.Ordinal);

        // Timers by the calendar all fire at once after a night: none is the image's.
        Assert.Equal("", (await fleet.RunAsync("build", "for t in $(systemctl list-units --type=timer --plain --no-legend | cut -d' ' -f1); do systemctl show -p TimersCalendar --value $t; done")).Trim());

        // What no certificate says does not get in.
        Assert.NotEqual(0, (await fleet.SshAsync("desk", "true", Fleet.Bob)).Exit);
        string forAnna = await fleet.Authority.SignUserAsync(await SessionKeyAsync(fleet), "anna", "anna", TimeSpan.FromMinutes(5));
        Assert.NotEqual(0, (await fleet.SshAsync("desk", "true", new MemberAccount("root", 0), forAnna)).Exit);

        await fleet.Hosts.ApplyRosterAsync([Fleet.Anna, Fleet.Bob]);
        Assert.Equal("3002", (await fleet.SshAsync("desk", "id -u", Fleet.Bob)).Output.Trim());

        Assert.All(fleet.Hosts.Status(), s => Assert.Equal(0, s.SuspendedUnix));
        long leaving = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        begin = BootClock.Now;
        var closed = await fleet.CloseAsync();
        output.WriteLine($"closed after {(BootClock.Now - begin).TotalMilliseconds:0} ms");
        Assert.All(closed, o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.Equal(0, await fleet.Ports.CountAsync());

        begin = BootClock.Now;
        var opened = await fleet.ReopenAsync();
        output.WriteLine($"opened after {(BootClock.Now - begin).TotalMilliseconds:0} ms: {string.Join(", ", opened.Select(o => $"{o.Host} {o.Took.TotalMilliseconds:0}"))}");
        Assert.All(opened, o => Assert.True(o.Done, Fleet.Why(o)));
        Assert.All(fleet.Hosts.Status(), s => Assert.Equal((HostState.Running, ""), (s.State, s.Note)));
        Assert.All(fleet.Hosts.Status(), s => Assert.InRange(s.SuspendedUnix, leaving, leaving + 60));

        // The fleet that opened knows of anna alone: bob's account is shut again.
        string said = await fleet.RunAsync("desk", "cat /safe/note; cat /etc/machine-id; getent passwd bob");
        Assert.Equal(deskSays[4], said.Split('\n')[1]);
        Assert.Contains("nologin", said, StringComparison.Ordinal);

        await fleet.Hosts.RemoveAsync("build");
        Assert.Equal("desk", Assert.Single(fleet.Hosts.Status()).Name);
        Assert.False(Directory.Exists(fleet.Volume.At("hosts/build")));
    }

    private static Task<string> SessionKeyAsync(Fleet fleet) =>
        File.ReadAllTextAsync(Path.Combine(fleet.Volume.Place, "session.pub"), TestContext.Current.CancellationToken);

    private sealed class Log(ITestOutputHelper output) : IProgress<HostStep>
    {
        public void Report(HostStep value)
        {
            if (value.Done)
            {
                output.WriteLine($"  {value.Host} {value.Name} {value.Detail} {value.Took.TotalMilliseconds:0} ms");
            }
        }
    }
}
