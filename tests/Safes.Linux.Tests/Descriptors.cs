using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux.Tests;

public sealed class Descriptors
{
    private static async Task<(Socket A, Socket B)> PairAsync()
    {
        string path = Path.Combine(Path.GetTempPath(), $"safes-rights-{Guid.NewGuid():N}");
        using var listen = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listen.Bind(new UnixDomainSocketEndPoint(path));
        listen.Listen();
        var a = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await a.ConnectAsync(new UnixDomainSocketEndPoint(path));
        var b = await listen.AcceptAsync();
        File.Delete(path);
        return (a, b);
    }

    [Fact]
    public async Task They_go_through_a_socket_with_the_bytes()
    {
        var (a, b) = await PairAsync();
        string path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, "content", TestContext.Current.CancellationToken);
        using (var file = Fcntl.Open(path, Fcntl.ReadOnly))
        using (var other = Fcntl.Open("/dev/null", Fcntl.ReadOnly))
        {
            Rights.Send(a, "hello"u8, file, other);
        }

        File.Delete(path);
        var received = new List<SafeFileHandle>();
        byte[] bytes = new byte[64];
        int n = Rights.Receive(b, bytes, received);
        Assert.Equal("hello", Encoding.ASCII.GetString(bytes, 0, n));
        Assert.Equal(2, received.Count);
        byte[] content = new byte[64];
        Assert.Equal("content", Encoding.ASCII.GetString(content, 0, Unistd.Read(received[0], content)));
        a.Dispose();
        Assert.Equal(0, Rights.Receive(b, bytes, received));
        b.Dispose();
        received.ForEach(h => h.Dispose());
    }

    [Fact]
    public async Task Bytes_without_descriptors_bring_none()
    {
        var (a, b) = await PairAsync();
        using (a)
        using (b)
        {
            Rights.Send(a, "plain"u8);
            var received = new List<SafeFileHandle>();
            Assert.Equal(5, Rights.Receive(b, new byte[64], received));
            Assert.Empty(received);
        }
    }

    [Fact]
    public void A_path_cannot_leave_the_root_that_it_is_opened_beneath()
    {
        string folder = Directory.CreateTempSubdirectory("safes-beneath-").FullName;
        File.WriteAllText(Path.Combine(folder, "file"), "inside");
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "/etc/passwd");
        Directory.CreateDirectory(Path.Combine(folder, "below"));
        using var root = Fcntl.Open(folder, Fcntl.ReadOnly | Fcntl.Directory);
        using (var file = Fcntl.OpenBeneath(root, "file", Fcntl.ReadOnly))
        {
            Assert.Equal(6, Unistd.Read(file, new byte[64]));
        }

        foreach (string path in new[] { "link", "../etc/passwd", "/etc/passwd", "below/../../etc/passwd" })
        {
            Assert.Throws<LinuxException>(() => Fcntl.OpenBeneath(root, path, Fcntl.ReadOnly));
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Allocated_room_is_really_there()
    {
        string path = Path.GetTempFileName();
        using (var file = Fcntl.Open(path, Fcntl.ReadWrite))
        {
            Fcntl.Allocate(file, 0, 1 << 20);
        }

        Assert.Equal(1 << 20, new FileInfo(path).Length);
        File.Delete(path);
    }
}
