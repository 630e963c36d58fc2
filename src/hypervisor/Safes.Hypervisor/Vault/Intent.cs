using System.Security.Cryptography;
using Safes.Keys;

namespace Safes.Hypervisor.Vaults;

/// <summary>
/// What is about to be written, durable before it is begun: after a crash it tells a header that was on its way from one that was
/// damaged.
/// </summary>
/// <param name="Slot">"a" or "b".</param>
/// <param name="Digest">SHA-512 of the new header.</param>
internal sealed record Intent(ulong Generation, uint Epoch, string Slot, byte[] Digest)
{
    public const int MostBytes = 512;

    public bool Names(ReadOnlySpan<byte> header) => SHA512.HashData(header).AsSpan().SequenceEqual(Digest);

    public byte[] Write() => CanonicalCbor.Encode("safes/1/intent", Generation, Epoch, Slot, Digest);

    /// <exception cref="MalformedException">Not an intent.</exception>
    public static Intent Parse(byte[] bytes) => CanonicalCbor.Decode(bytes, "intent", r =>
    {
        r.LabelledArray("safes/1/intent", 5);
        var intent = new Intent(r.ReadUInt64(), r.ReadUInt32(), r.Text(1), r.Bytes(64));
        r.ReadEndArray();
        return intent.Slot is "a" or "b" ? intent : throw new MalformedException(Flaw.Damaged, "intent");
    });
}
