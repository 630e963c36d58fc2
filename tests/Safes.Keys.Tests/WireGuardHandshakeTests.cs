using System.Security.Cryptography;
using Safes.Secrets;

namespace Safes.Keys.Tests;

/// <summary>That a real gateway answers is shown with a real WireGuard, where the tunnel is; here, that nobody else can.</summary>
public sealed class WireGuardHandshakeTests
{
    [Fact]
    public void An_answer_without_the_peer_s_private_key_is_none()
    {
        using SecretBuffer device = WireGuardKey.New(), peer = WireGuardKey.New();
        using var handshake = new WireGuardHandshake(device, WireGuardKey.PublicKey(peer), DateTimeOffset.UtcNow);
        byte[] answer = new byte[WireGuardHandshake.ResponseSize];
        RandomNumberGenerator.Fill(answer);
        Assert.False(handshake.IsAnswer(answer));
        new byte[] { 2, 0, 0, 0 }.CopyTo(answer, 0);
        handshake.Initiation.Span.Slice(4, 4).CopyTo(answer.AsSpan(8));
        Assert.False(handshake.IsAnswer(answer));
        Assert.False(handshake.IsAnswer([]));
        Assert.False(handshake.IsAnswer(handshake.Initiation.Span));
    }

    [Fact]
    public void Each_beginning_is_another_and_names_no_key()
    {
        using SecretBuffer device = WireGuardKey.New(), peer = WireGuardKey.New();
        byte[] theirs = WireGuardKey.PublicKey(peer), mine = WireGuardKey.PublicKey(device);
        using WireGuardHandshake one = new(device, theirs, DateTimeOffset.UtcNow), two = new(device, theirs, DateTimeOffset.UtcNow);
        Assert.NotEqual(one.Initiation.ToArray(), two.Initiation.ToArray());
        Assert.Equal(-1, one.Initiation.Span.IndexOf(mine));
        Assert.Equal(-1, one.Initiation.Span.IndexOf(theirs));
    }
}
