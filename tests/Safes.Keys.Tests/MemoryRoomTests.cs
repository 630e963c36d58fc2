namespace Safes.Keys.Tests;

public sealed class MemoryRoomTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("safes-room-").FullName + "/";

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void What_the_system_has_available_counts()
    {
        Put("proc/meminfo", "MemTotal:  8000000 kB\nMemAvailable:     184320 kB\n");
        var refused = Assert.Throws<NotEnoughMemoryException>(() => new MemoryRoom(root).Require(256L << 20));
        Assert.Equal("needs 256 MiB, 180 MiB free", refused.Message);
        new MemoryRoom(root).Require(180L << 20);
    }

    [Fact]
    public void The_narrowest_control_group_counts()
    {
        Put("proc/meminfo", "MemAvailable: 8000000 kB\n");
        Put("proc/self/cgroup", "0::/user/shell\n");
        Put("sys/fs/cgroup/user/shell/memory.max", "max\n");
        Put("sys/fs/cgroup/user/shell/memory.current", "1000\n");
        Put("sys/fs/cgroup/user/memory.max", "104857600\n");
        Put("sys/fs/cgroup/user/memory.current", "52428800\n");
        Assert.Equal(50L << 20, new MemoryRoom(root).Free);
    }

    [Fact]
    public void What_files_are_cached_in_gives_way()
    {
        Put("proc/self/cgroup", "0::/box\n");
        Put("sys/fs/cgroup/box/memory.max", "104857600\n");
        Put("sys/fs/cgroup/box/memory.current", "104857600\n");
        Put("sys/fs/cgroup/box/memory.stat", "anon 20971520\nfile 83886080\nactive_file 10485760\ninactive_file 52428800\n");
        Assert.Equal(60L << 20, new MemoryRoom(root).Free);
    }

    [Fact]
    public void The_older_kind_of_control_group_counts_too()
    {
        Put("proc/self/cgroup", "5:cpu,memory:/box\n4:pids:/box\n");
        Put("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "73400320\n");
        Put("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "10485760\n");
        Assert.Equal(60L << 20, new MemoryRoom(root).Free);
    }

    [Fact]
    public void The_address_space_limit_counts()
    {
        Put("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units\nMax address space         1073741824           unlimited            bytes\n");
        Put("proc/self/status", "Name:\tx\nVmSize:\t  948576 kB\n");
        Assert.Equal(1073741824L - (948576L * 1024), new MemoryRoom(root).Free);
    }

    [Fact]
    public void A_system_that_says_nothing_forbids_nothing() => Assert.Equal(long.MaxValue, new MemoryRoom(root).Free);

    private void Put(string file, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(root + file)!);
        File.WriteAllText(root + file, content);
    }
}
