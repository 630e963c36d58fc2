using Safes.Linux;

namespace Safes.Qemu.Tests;

public sealed class StateRoomTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(40_000)]
    [InlineData(1_000_000)]
    public void It_holds_what_virtiofsd_writes_of_every_file_that_a_guest_has_looked_at(long inodes) =>
        Assert.InRange(StateRoom.Needed(inodes * 750), (400 << 10) + (inodes * 160), (4 << 20) + (inodes * 200));    // QEMU's own part, and each inode

    [Fact]
    public void It_grows_with_what_is_needed_and_what_lies_there_stays()
    {
        var home = Directory.CreateTempSubdirectory("safes-room-");
        try
        {
            var places = new HostPlaces(home.FullName, home.FullName, home.FullName, home.FullName);
            StateRoom.Allocate(places, 0);
            using (var file = File.OpenWrite(places.State))
            {
                file.Write("state"u8);
            }

            StateRoom.Allocate(places, 100 << 20);
            Assert.InRange(Stat.Find(places.State)!.Value.AllocatedBytes, 29 << 20, 40 << 20);
            Assert.Equal("state"u8.ToArray(), File.ReadAllBytes(places.State)[..5]);
            StateRoom.Allocate(places, 0);
            Assert.InRange(Stat.Find(places.State)!.Value.AllocatedBytes, 29 << 20, 40 << 20);    // never smaller
        }
        finally
        {
            home.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_memory_of_a_process_is_what_it_has_filled_itself()
    {
        using var child = Child.Start(new ChildStart("python3", ["-c", "import time; b = bytearray(b'x') * (64 << 20); time.sleep(1000)"]));
        try
        {
            for (var end = BootClock.Now + TimeSpan.FromSeconds(60); ProcessTable.OwnMemory(child.Pid) < 64 << 20 && BootClock.Now < end;)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            Assert.InRange(ProcessTable.OwnMemory(child.Pid), 64 << 20, 160 << 20);
        }
        finally
        {
            child.Kill();
        }

        await child.Exited;
        Assert.Equal(0, ProcessTable.OwnMemory(child.Pid));
    }
}
