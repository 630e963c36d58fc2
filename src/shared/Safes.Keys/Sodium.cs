using System.Runtime.InteropServices;

namespace Safes.Keys;

/// <summary>What Geralt leaves out of the libsodium that it brings: HKDF and HMAC, both with SHA-512.</summary>
internal static partial class Sodium
{
    public const int PrkSize = 64, MacSize = 64;

    static Sodium()
    {
        // Any member of Geralt runs sodium_init, which must come before the first call of ours.
        Span<byte> unused = stackalloc byte[1];
        Geralt.SecureRandom.Fill(unused);
    }

    [LibraryImport("libsodium", EntryPoint = "crypto_kdf_hkdf_sha512_extract")]
    private static partial int NativeExtract(Span<byte> prk, ReadOnlySpan<byte> salt, nuint saltLength, ReadOnlySpan<byte> ikm, nuint ikmLength);

    [LibraryImport("libsodium", EntryPoint = "crypto_kdf_hkdf_sha512_expand")]
    private static partial int NativeExpand(Span<byte> output, nuint length, ReadOnlySpan<byte> context, nuint contextLength, ReadOnlySpan<byte> prk);

    [LibraryImport("libsodium", EntryPoint = "crypto_auth_hmacsha512_statebytes")]
    private static partial nuint NativeStateSize();

    [LibraryImport("libsodium", EntryPoint = "crypto_auth_hmacsha512_init")]
    private static partial int NativeInit(Span<byte> state, ReadOnlySpan<byte> key, nuint keyLength);

    [LibraryImport("libsodium", EntryPoint = "crypto_auth_hmacsha512_update")]
    private static partial int NativeUpdate(Span<byte> state, ReadOnlySpan<byte> message, ulong length);

    [LibraryImport("libsodium", EntryPoint = "crypto_auth_hmacsha512_final")]
    private static partial int NativeFinal(Span<byte> state, Span<byte> mac);

    public static int StateSize { get; } = (int)NativeStateSize();

    public static void Extract(Span<byte> prk, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> ikm)
    {
        Require(prk.Length == PrkSize);
        Require(NativeExtract(prk, salt, (nuint)salt.Length, ikm, (nuint)ikm.Length) == 0);
    }

    public static void Expand(Span<byte> output, ReadOnlySpan<byte> prk, ReadOnlySpan<byte> info)
    {
        Require(prk.Length == PrkSize && output.Length is > 0 and <= 255 * 64);
        Require(NativeExpand(output, (nuint)output.Length, info, (nuint)info.Length, prk) == 0);
    }

    /// <summary>HMAC-SHA512; <paramref name="state"/> is working memory of <see cref="StateSize"/> bytes, as secret as the key.</summary>
    public static void Mac(Span<byte> mac, Span<byte> state, ReadOnlySpan<byte> key, ReadOnlySpan<byte> message)
    {
        Require(mac.Length == MacSize && state.Length >= StateSize);
        Require(NativeInit(state, key, (nuint)key.Length) == 0);
        Require(NativeUpdate(state, message, (ulong)message.Length) == 0);
        Require(NativeFinal(state, mac) == 0);
    }

    private static void Require(bool held)
    {
        if (!held)
        {
            throw new InvalidOperationException("libsodium refused its input");
        }
    }
}
