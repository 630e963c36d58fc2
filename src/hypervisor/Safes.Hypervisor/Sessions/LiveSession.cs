using System.Security.Cryptography;
using Safes.Keys;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Sessions;

/// <summary>Why a session ended, as the member is told.</summary>
/// <param name="Reason">Of <see cref="Contracts.EndReasons"/>.</param>
public sealed record SessionEnd(string Reason, string Detail = "");

/// <summary>What safed knows of a session besides its lease, which is the lifecycle's.</summary>
public sealed class LiveSession(SessionId id, DeviceId device, string member, string deviceName, string account, DateTimeOffset since, TimeSpan endsBy, byte[] tokenHash)
{
    private readonly TaskCompletionSource<SessionEnd> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SessionEnd? announced;
    private object? follower;

    public SessionId Id { get; } = id;

    public DeviceId Device { get; } = device;

    public string Member { get; } = member;

    public string DeviceName { get; } = deviceName;

    /// <summary>The member's account in hosts.</summary>
    public string Account { get; } = account;

    public DateTimeOffset Since { get; } = since;

    /// <summary>On CLOCK_BOOTTIME.</summary>
    public TimeSpan EndsBy { get; } = endsBy;

    public byte[] TokenHash { get; } = tokenHash;

    public Task<SessionEnd> Ended => ended.Task;

    /// <summary>Whether somebody follows it already; from now on he does.</summary>
    public bool IsFollowed(object by) => Interlocked.Exchange(ref follower, by) == by;

    /// <summary>Says beforehand why the lifecycle will be asked to end it.</summary>
    public void Announce(SessionEnd why) => announced = why;

    public void End(SessionEnd otherwise) => ended.TrySetResult(announced ?? otherwise);

    public bool IsToken(ReadOnlySpan<byte> token) => CryptographicOperations.FixedTimeEquals(TokenHash, SHA256.HashData(token));
}
