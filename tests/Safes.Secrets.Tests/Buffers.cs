using System.Security.Cryptography;

namespace Safes.Secrets.Tests;

public sealed class Buffers
{
    [Fact]
    public void A_new_one_is_zero_and_as_long_as_asked()
    {
        using var buffer = SecretBuffer.Allocate(33);
        using var lease = buffer.Borrow();
        Assert.Equal(33, lease.Span.Length);
        Assert.Equal(-1, lease.Span.IndexOfAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void One_of_no_length_is_refused(int length) => Assert.Throws<ArgumentOutOfRangeException>(() => SecretBuffer.Allocate(length));

    [Fact]
    public void A_random_one_differs_from_the_next()
    {
        using var one = SecretBuffer.Random(32);
        using var other = SecretBuffer.Random(32);
        Assert.False(one.ContentEquals(other));
        Assert.True(one.ContentEquals(one));
    }

    [Fact]
    public void Those_of_different_length_are_never_equal()
    {
        using var one = SecretBuffer.Allocate(16);
        using var other = SecretBuffer.Allocate(17);
        Assert.False(one.ContentEquals(other));
    }

    [Fact]
    public void Taking_bytes_wipes_them_where_they_were()
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(64);
        byte[] copy = [.. bytes];
        using var buffer = SecretBuffer.Take(bytes);
        Assert.Equal(-1, bytes.AsSpan().IndexOfAnyExcept((byte)0));
        using var lease = buffer.Borrow();
        Assert.True(lease.Span.SequenceEqual(copy));
    }

    [Fact]
    public void It_prints_its_type_alone()
    {
        using var buffer = SecretBuffer.Take("never shown"u8.ToArray());
        Assert.Equal("SecretBuffer", buffer.ToString());
        Assert.Equal("SecretBuffer", $"{buffer}");
    }

    [Fact]
    public void A_released_one_gives_nothing_any_more()
    {
        var buffer = SecretBuffer.Random(32);
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Borrow());
    }

    [Fact]
    public void A_lease_keeps_the_memory_until_it_ends()
    {
        var buffer = SecretBuffer.Take("kept"u8.ToArray());
        var lease = buffer.Borrow();
        buffer.Dispose();
        Assert.True(lease.Span.SequenceEqual("kept"u8));
        lease.Dispose();
    }

    [Fact]
    public void Its_pages_are_unmapped_when_it_is_released()
    {
        // Another thread may be given the place at once, but not every time.
        Assert.Contains(false, Enumerable.Range(0, 5).Select(_ =>
        {
            var buffer = SecretBuffer.Random(32);
            string at = AddressOf(buffer);
            Assert.Contains(at, Memory.Maps(), StringComparison.Ordinal);
            buffer.Dispose();
            return Memory.Maps().Contains(at, StringComparison.Ordinal);
        }));
    }

    private static string AddressOf(SecretBuffer buffer) => buffer.DangerousGetHandle().ToString("x", null) + "-";
}
