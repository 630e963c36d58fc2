using Safes.Linux;
using Safes.Secrets;

namespace Safes.Bench;

/// <summary>The volume opened and closed by the bare calls: nothing is checked but that the key is absent and the loop device gone.</summary>
internal sealed class RawVolume(string file, string mountPoint, SecretBuffer key64)
{
    private byte[] identifier = [];
    private int loop;

    public void Open()
    {
        using (var backing = Fcntl.Open(file, Fcntl.ReadWrite))
        {
            (loop, var device) = Loop.Attach(backing, readAheadKib: 16);
            using (device)
            {
                Mount.Attach(Loop.PathOf(loop), mountPoint, "ext4", Mount.NoSetuid | Mount.NoDevices | Mount.NoExec | Mount.NoSymbolicFollow | Mount.NoAccessTime);
            }
        }

        using var root = Fcntl.Open(mountPoint, Fcntl.ReadOnly | Fcntl.Directory);
        using var block = SecretBuffer.Allocate(Fscrypt.AddKeyHeader + key64.Length);
        using var lease = block.Borrow();
        using (var key = key64.Borrow())
        {
            key.Span.CopyTo(lease.Span[Fscrypt.AddKeyHeader..]);
        }

        identifier = Fscrypt.AddKey(root, lease.Span);
    }

    public void Close()
    {
        using (var root = Fcntl.Open(mountPoint, Fcntl.ReadOnly | Fcntl.Directory))
        {
            if (Fscrypt.RemoveKey(root, identifier) != 0 || Fscrypt.KeyStatus(root, identifier) != Fscrypt.Absent)
            {
                throw new InvalidOperationException("the key did not go");
            }
        }

        // After the end of virtiofsd its sandbox may hold the mount for a moment longer.
        for (int i = 0; ; i++)
        {
            try
            {
                Mount.Detach(mountPoint);
                break;
            }
            catch (LinuxException e) when (e.Number == Errno.Busy && i < 1000)
            {
                Thread.Sleep(1);
            }
        }

        SpinWait.SpinUntil(() => !Loop.IsInUse(loop), TimeSpan.FromSeconds(10));
        if (Loop.IsInUse(loop))
        {
            throw new InvalidOperationException("the loop device did not go");
        }
    }
}
