using System.Security.Cryptography;
using CsCheck;
using Org.BouncyCastle.Crypto.Generators;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;

namespace Safes.Keys.Tests;

/// <summary>BouncyCastle, which shares no code with libsodium, must come to the same bytes.</summary>
public class SecondOpinionTests
{
    [Fact]
    public void The_second_implementation_of_Argon2id_passes_RFC_9106()
    {
        // Section 5.3. libsodium has neither lanes nor secret nor associated data, so the vector reaches it through this one.
        var parameters = new Org.BouncyCastle.Crypto.Parameters.Argon2Parameters.Builder(Org.BouncyCastle.Crypto.Parameters.Argon2Parameters.Argon2id)
            .WithVersion(Org.BouncyCastle.Crypto.Parameters.Argon2Parameters.Version13).WithIterations(3).WithMemoryAsKB(32).WithParallelism(4)
            .WithSalt([.. Enumerable.Repeat((byte)2, 16)]).WithSecret([.. Enumerable.Repeat((byte)3, 8)]).WithAdditional([.. Enumerable.Repeat((byte)4, 12)]).Build();
        var generator = new Argon2BytesGenerator();
        generator.Init(parameters);
        byte[] tag = new byte[32];
        generator.GenerateBytes(Enumerable.Repeat((byte)1, 32).ToArray(), tag);
        Assert.Equal("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659", Convert.ToHexStringLower(tag));
    }

    [Fact]
    public void Argon2id_agrees_on_any_input() =>
        Gen.Select(Gen.Byte.Array[0, 100], Gen.Byte.Array[16], Gen.Int[1, 4], Gen.Int[8, 256]).Sample((password, salt, passes, kib) =>
        {
            byte[] key = new byte[32];
            Geralt.Argon2id.DeriveKey(key, password, salt, passes, kib * 1024);
            return key.SequenceEqual(Argon2(password, salt, passes, kib));
        }, iter: 50);

    [Fact]
    public void The_whole_way_from_a_password_to_CK_agrees()
    {
        byte[] ds = RandomNumberGenerator.GetBytes(32), salt = RandomNumberGenerator.GetBytes(32);
        var (safe, member, device) = (new SafeId(1), MemberId.Random(), DeviceId.Random());
        using var password = Secret.Of("fi\u00e9 \uFB01\u212B");
        using var secret = Secret.Of(ds);
        using var ck = PasswordKey.Derive(password, new DeviceSecret(secret, salt), safe, member, device, Safes.Keys.Argon2Parameters.Floor);

        byte[] pwsalt = HKDF.DeriveKey(HashAlgorithmName.SHA512, salt, 16, [], "safes/1/pwsalt"u8.ToArray());
        byte[] a = Argon2("fi\u00e9 fi\u00c5"u8.ToArray(), pwsalt, 3, 64 * 1024);
        byte[] info = [0x84, 0x6a, .. "safes/1/ck"u8, 0x50, .. safe.ToBytes(), 0x50, .. member.ToBytes(), 0x50, .. device.ToBytes()];
        Assert.Equal(HKDF.DeriveKey(HashAlgorithmName.SHA512, [.. a, .. ds], 32, salt, info), Secret.Reveal(ck));
    }

    [Fact]
    public void XChaCha20_Poly1305_agrees_on_any_input() =>
        Gen.Select(Gen.Byte.Array[32], Gen.Byte.Array[0, 300], Gen.Byte.Array[0, 300]).Sample((key, plaintext, aad) =>
        {
            using var k = Secret.Of(key);
            byte[] box = Aead.Seal(k, plaintext, aad);
            byte[] back = new byte[plaintext.Length];
            return Aead.Open(back, k, box, aad) && back.SequenceEqual(plaintext)
                && box.AsSpan().EndsWith(XChaCha(key, box.AsSpan(0, 24).ToArray(), aad, plaintext));
        }, iter: 200);

    [Fact]
    public void Ed25519_agrees_on_any_input() =>
        Gen.Select(Gen.Byte.Array[32], Gen.Byte.Array[0, 300]).Sample((seed, message) =>
        {
            using var s = Secret.Of(seed);
            var key = new Ed25519PrivateKeyParameters(seed, 0);
            var signer = new Ed25519Signer();
            signer.Init(true, key);
            signer.BlockUpdate(message, 0, message.Length);
            byte[] signature = SigningKey.Sign(s, message);
            return signature.SequenceEqual(signer.GenerateSignature()) && SigningKey.PublicKey(s).SequenceEqual(key.GeneratePublicKey().GetEncoded())
                && SigningKey.Verify(SigningKey.PublicKey(s), message, signature) && !SigningKey.Verify(SigningKey.PublicKey(s), [.. message, 1], signature);
        }, iter: 100);

    [Fact]
    public void Ed25519_passes_the_second_vector_of_RFC_8032()
    {
        using var seed = Secret.FromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        Assert.Equal("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", Convert.ToHexStringLower(SigningKey.PublicKey(seed)));
        Assert.Equal(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            Convert.ToHexStringLower(SigningKey.Sign(seed, [0x72])));
    }

    [Fact]
    public void WireGuard_keys_agree_and_are_clamped()
    {
        using var key = WireGuardKey.New();
        byte[] bytes = Secret.Reveal(key);
        Assert.Equal(0, bytes[0] & 7);
        Assert.Equal(64, bytes[31] & 192);
        Assert.Equal(new X25519PrivateKeyParameters(bytes, 0).GeneratePublicKey().GetEncoded(), WireGuardKey.PublicKey(key));
    }

    private static byte[] Argon2(byte[] password, byte[] salt, int passes, int kib)
    {
        var generator = new Argon2BytesGenerator();
        generator.Init(new Org.BouncyCastle.Crypto.Parameters.Argon2Parameters.Builder(Org.BouncyCastle.Crypto.Parameters.Argon2Parameters.Argon2id)
            .WithVersion(Org.BouncyCastle.Crypto.Parameters.Argon2Parameters.Version13).WithIterations(passes).WithMemoryAsKB(kib).WithParallelism(1).WithSalt(salt).Build());
        byte[] key = new byte[32];
        generator.GenerateBytes(password, key);
        return key;
    }

    /// <summary>XChaCha20-Poly1305 from HChaCha20, written out here, and BouncyCastle's ChaCha20-Poly1305.</summary>
    private static byte[] XChaCha(byte[] key, byte[] nonce, byte[] aad, byte[] plaintext)
    {
        uint[] s = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, .. Words(key), .. Words(nonce[..16])];
        for (int round = 0; round < 10; round++)
        {
            foreach (int[] q in (int[][])[[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]])
            {
                var (a, b, c, d) = (q[0], q[1], q[2], q[3]);
                s[a] += s[b]; s[d] = uint.RotateLeft(s[d] ^ s[a], 16);
                s[c] += s[d]; s[b] = uint.RotateLeft(s[b] ^ s[c], 12);
                s[a] += s[b]; s[d] = uint.RotateLeft(s[d] ^ s[a], 8);
                s[c] += s[d]; s[b] = uint.RotateLeft(s[b] ^ s[c], 7);
            }
        }

        byte[] subkey = [.. s[..4].Concat(s[12..]).SelectMany(BitConverter.GetBytes)];
        var cipher = new Org.BouncyCastle.Crypto.Modes.ChaCha20Poly1305();
        cipher.Init(true, new AeadParameters(new KeyParameter(subkey), 128, [0, 0, 0, 0, .. nonce[16..]], aad));
        byte[] output = new byte[plaintext.Length + 16];
        int n = cipher.ProcessBytes(plaintext, 0, plaintext.Length, output, 0);
        cipher.DoFinal(output, n);
        return output;
    }

    private static IEnumerable<uint> Words(byte[] bytes) => bytes.Chunk(4).Select(w => BitConverter.ToUInt32(w));
}
