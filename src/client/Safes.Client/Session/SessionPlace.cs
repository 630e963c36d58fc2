using System.Net.Sockets;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>
/// A session's place on its device: the lock that makes it the only one, and the door at which it is asked. What is taken away while it lives it
/// makes anew; where it cannot, nobody could ask it to leave any more, and it has to leave by itself.
/// </summary>
internal sealed class SessionPlace : IDisposable
{
    /// <summary>Who looks whether there is a session holds the lock for a moment.</summary>
    private static readonly TimeSpan TakeLimit = TimeSpan.FromSeconds(1), Look = TimeSpan.FromSeconds(1), LongestWithoutDoor = TimeSpan.FromMinutes(1);

    private readonly SafeProfile profile;
    private ProfileLock held;
    private SessionDoor door;

    private SessionPlace(SafeProfile profile, ProfileLock held, SessionDoor door) => (this.profile, this.held, this.door) = (profile, held, door);

    /// <exception cref="FaultException">session-busy: this device has a session; unsafe-permissions.</exception>
    internal static SessionPlace Take(SafeProfile profile)
    {
        var held = SessionHolder.Take(profile, TakeLimit);
        try
        {
            return new SessionPlace(profile, held, new SessionDoor(profile.SocketPath));
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Answers visitors until <paramref name="stop"/>.</summary>
    /// <returns>Empty; or why nobody can be answered any more.</returns>
    internal async Task<string> ServeAsync(Func<string, SessionVisitor, CancellationToken, Task> answer, CancellationToken stop)
    {
        while (true)
        {
            using var gone = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var serving = door.ServeAsync(answer, gone.Token, stop);
            string lost = await WatchAsync(stop).ConfigureAwait(false);
            await gone.CancelAsync().ConfigureAwait(false);
            await serving.ConfigureAwait(false);
            if (stop.IsCancellationRequested || lost.Length > 0)
            {
                return lost;
            }
        }
    }

    public void Dispose()
    {
        door.Dispose();
        held.Dispose();
    }

    /// <summary>Until lock or door had to be made anew and are there again, or cannot be.</summary>
    private async Task<string> WatchAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Look);
        TimeSpan? since = null;
        while (true)
        {
            try
            {
                await timer.WaitForNextTickAsync(stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return "";
            }

            try
            {
                if (MakeAnew())
                {
                    return "";
                }

                since = null;
            }
            catch (FaultException e) when (e.Code == FaultCodes.SessionBusy)
            {
                return $"another one of this device has its place ({profile.Home})";
            }
            catch (Exception e) when (e is FaultException or IOException or UnauthorizedAccessException or LinuxException or SocketException)
            {
                since ??= BootClock.Now;
                if (!Directory.Exists(profile.Home) || BootClock.Now - since > LongestWithoutDoor)
                {
                    return $"its place on this device has gone ({profile.Home}): nobody could have told it to leave";
                }
            }
        }
    }

    /// <summary>True when the door is another one now.</summary>
    private bool MakeAnew()
    {
        if (!held.IsInPlace)
        {
            var again = SessionHolder.Take(profile, TakeLimit);
            held.Dispose();
            held = again;
        }

        if (door.IsInPlace)
        {
            return false;
        }

        var fresh = new SessionDoor(profile.SocketPath);
        door.Dispose();
        door = fresh;
        return true;
    }
}
