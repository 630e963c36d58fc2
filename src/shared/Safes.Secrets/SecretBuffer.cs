using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Safes.Linux;

namespace Safes.Secrets;

/// <summary>
/// Bytes that must not leave memory: in memfd_secret or locked pages, wiped on release, never printed. Read and written through
/// <see cref="Borrow"/>, which keeps the memory mapped while the lease lives.
/// </summary>
public sealed class SecretBuffer : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly nuint mapped;

    private SecretBuffer(int length)
        : base(ownsHandle: true)
    {
        Length = length;
        mapped = (nuint)((length + 4095) / 4096 * 4096);
        SetHandle(Mman.MapSecret(mapped));
    }

    /// <summary>In bytes.</summary>
    public int Length { get; }

    /// <summary>A buffer of zeros.</summary>
    public static SecretBuffer Allocate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        return new SecretBuffer(length);
    }

    /// <summary>A buffer filled by the system's random generator.</summary>
    public static SecretBuffer Random(int length)
    {
        var buffer = Allocate(length);
        using var lease = buffer.Borrow();
        RandomNumberGenerator.Fill(lease.Span);
        return buffer;
    }

    /// <summary>Copies <paramref name="bytes"/> and wipes them where they were.</summary>
    public static SecretBuffer Take(Span<byte> bytes)
    {
        var buffer = Allocate(bytes.Length);
        using var lease = buffer.Borrow();
        bytes.CopyTo(lease.Span);
        CryptographicOperations.ZeroMemory(bytes);
        return buffer;
    }

    public Lease Borrow() => new(this);

    /// <summary>Compares in constant time.</summary>
    public bool ContentEquals(SecretBuffer other)
    {
        using var mine = Borrow();
        using var theirs = other.Borrow();
        return CryptographicOperations.FixedTimeEquals(mine.Span, theirs.Span);
    }

    public override string ToString() => nameof(SecretBuffer);

    protected override unsafe bool ReleaseHandle()
    {
        // SAFETY: the mapping has `mapped` bytes and nobody holds a lease any more.
        CryptographicOperations.ZeroMemory(new Span<byte>((void*)handle, (int)mapped));
        return Mman.Unmap(handle, mapped);
    }

    /// <summary>The right to use the bytes for the length of a block.</summary>
    public readonly unsafe ref struct Lease
    {
        private readonly SecretBuffer of;

        internal Lease(SecretBuffer buffer)
        {
            bool held = false;
            buffer.DangerousAddRef(ref held);
            of = buffer;
            // SAFETY: the reference just taken keeps the mapping; its length is at least Length.
            Span = new Span<byte>((void*)buffer.handle, buffer.Length);
        }

        public Span<byte> Span { get; }

        public void Dispose() => of.DangerousRelease();
    }
}
