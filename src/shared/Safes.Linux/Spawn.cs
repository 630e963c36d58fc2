using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>spawn.h and waitid of sys/wait.h, as <see cref="Child"/> needs them.</summary>
internal static partial class Spawn
{
    private const short SetSignalDefaults = 4, SetSignalMask = 8, SetSession = 0x80;

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawn_file_actions_adddup2(byte* actions, int from, int to);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawn_file_actions_addclosefrom_np(byte* actions, int from);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int posix_spawn_file_actions_addchdir_np(byte* actions, string path);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawnattr_init(byte* attributes);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawnattr_destroy(byte* attributes);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawnattr_setsigmask(byte* attributes, byte* set);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawnattr_setsigdefault(byte* attributes, byte* set);

    [LibraryImport("libc")]
    private static unsafe partial int posix_spawnattr_setflags(byte* attributes, short flags);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int posix_spawnp(int* pid, string file, byte* actions, byte* attributes, byte** argv, byte** envp);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int waitid(int kind, int id, byte* info, int options);

    /// <summary>Starts a program in a session of its own. <paramref name="descriptors"/> become 0, 1, 2, ..; their numbers must be above theirs.</summary>
    internal static unsafe int Start(string program, IReadOnlyList<string> arguments, IEnumerable<string> environment, ReadOnlySpan<int> descriptors,
        string? directory)
    {
        using var argv = new StringVector([program, .. arguments]);
        using var envp = new StringVector(environment);
        byte* actions = stackalloc byte[80], attributes = stackalloc byte[336], none = stackalloc byte[128], all = stackalloc byte[128];
        new Span<byte>(none, 128).Clear();
        new Span<byte>(all, 128).Fill(0xff);
        // SAFETY: the buffers have glibc's sizes (a test compares them with the headers) and outlive the calls.
        Check(posix_spawn_file_actions_init(actions), "posix_spawn_file_actions_init", program);
        Check(posix_spawnattr_init(attributes), "posix_spawnattr_init", program);
        try
        {
            for (int i = 0; i < descriptors.Length; i++)
            {
                Check(posix_spawn_file_actions_adddup2(actions, descriptors[i], i), "posix_spawn_file_actions_adddup2", program);
            }

            if (directory is not null)
            {
                Check(posix_spawn_file_actions_addchdir_np(actions, directory), "posix_spawn_file_actions_addchdir_np", directory);
            }

            Check(posix_spawn_file_actions_addclosefrom_np(actions, descriptors.Length), "posix_spawn_file_actions_addclosefrom_np", program);
            Check(posix_spawnattr_setsigmask(attributes, none), "posix_spawnattr_setsigmask", program);
            Check(posix_spawnattr_setsigdefault(attributes, all), "posix_spawnattr_setsigdefault", program);
            Check(posix_spawnattr_setflags(attributes, SetSignalDefaults | SetSignalMask | SetSession), "posix_spawnattr_setflags", program);
            int pid;
            Check(posix_spawnp(&pid, program, actions, attributes, argv.Pointer, envp.Pointer), "posix_spawnp", program);
            return pid;
        }
        finally
        {
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
        }
    }

    /// <summary>Waits for a child and reaps it; its exit status, or 128 + the signal that ended it.</summary>
    internal static unsafe int Wait(int pid)
    {
        const int byPid = 1, exited = 4;
        byte* info = stackalloc byte[128];
        // SAFETY: siginfo_t has 128 bytes.
        while (waitid(byPid, pid, info, exited) < 0)
        {
            if (Marshal.GetLastPInvokeError() != Errno.Interrupted)
            {
                throw new LinuxException("waitid", $"pid {pid}", Marshal.GetLastPInvokeError());
            }
        }

        int code = *(int*)(info + 8), status = *(int*)(info + 24);
        return code == 1 ? status : 128 + status;
    }

    // These functions return their error instead of setting errno.
    private static void Check(int error, string call, string target)
    {
        if (error != 0)
        {
            throw new LinuxException(call, target, error);
        }
    }
}
