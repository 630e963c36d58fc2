using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>sched.h: namespaces. setns acts on one thread, so work in a namespace runs in a thread that then ends.</summary>
public static partial class Sched
{
    public const int NewMount = 0x20000, NewNetwork = 0x40000000, SharedFileSystemState = 0x200;

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int NativeSetns(SafeHandle fd, int kind);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int NativeUnshare(int flags);

    /// <summary>Moves the calling thread into a namespace. Only for threads that end afterwards.</summary>
    internal static void Enter(string pin, int kind)
    {
        using var fd = Fcntl.Open(pin, Fcntl.ReadOnly);
        LinuxException.Check(NativeSetns(fd, kind), "setns", pin);
    }

    /// <summary>Runs <paramref name="work"/> in a thread of its own whose network namespace is the one pinned at <paramref name="pin"/>.
    /// Sockets and taps made there stay there and are usable from any thread.</summary>
    public static T InNetwork<T>(string pin, Func<T> work) => InOwnThread(() =>
    {
        Enter(pin, NewNetwork);
        return work();
    });

    /// <summary>Makes a network namespace and pins it at <paramref name="pin"/>, a file. It has a loopback link that is down, and no other.</summary>
    public static void MakeNetwork(string pin) => InOwnThread(() =>
    {
        Unshare(NewNetwork);
        Mount.Attach("/proc/thread-self/ns/net", pin, null, Mount.Bind);
        return true;
    });

    /// <summary>Runs <paramref name="work"/> in a thread with a mount namespace of its own, which ends with it: what is mounted there
    /// nobody else ever sees, and it goes whatever happens. The work must not change threads.</summary>
    public static T InPrivateMounts<T>(Func<T> work) => InOwnThread(() =>
    {
        Unshare(NewMount | SharedFileSystemState);
        Mount.Attach("none", "/", null, Mount.Recursive | Mount.Private);
        return work();
    });

    /// <summary>
    /// Runs <paramref name="work"/> in a thread of its own in another mount namespace; threads that it starts are there too. The caller need
    /// not wait for it.
    /// </summary>
    public static Task<T> StartInMounts<T>(SafeHandle mountNamespace, Func<T> work) => StartInMounts(mountNamespace, _ => work());

    /// <inheritdoc cref="StartInMounts{T}(SafeHandle, Func{T})"/>
    /// <param name="work">Gets its thread's directory of this namespace's /proc: the other one may have none.</param>
    public static Task<T> StartInMounts<T>(SafeHandle mountNamespace, Func<SafeFileHandle, T> work) => Background.Run(() => InOwnThread(() =>
    {
        using var self = Fcntl.Open("/proc/thread-self", Fcntl.PathOnly | Fcntl.Directory);
        // A thread that shares its root and working directory with others may not change its mount namespace.
        LinuxException.Check(NativeUnshare(SharedFileSystemState), "unshare", "CLONE_FS");
        LinuxException.Check(NativeSetns(mountNamespace, NewMount), "setns", "mount namespace");
        return work(self);
    }));

    /// <summary>Runs <paramref name="work"/> in a fresh thread and waits for it.</summary>
    internal static T InOwnThread<T>(Func<T> work)
    {
        // The outcome is fetched from here, never handed over from there: waking somebody can make the pool start a worker, and a worker
        // is born in the namespaces of the thread that starts it and stays in them for good.
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = work();
                }
                catch (Exception e)
                {
                    failure = ExceptionDispatchInfo.Capture(e);
                }
            },
            256 * 1024)
        { IsBackground = true };
        thread.UnsafeStart();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    /// <summary>Gives the calling thread a new namespace of the given kind. Only for threads that end afterwards.</summary>
    internal static void Unshare(int flags) => LinuxException.Check(NativeUnshare(flags), "unshare");
}
