using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Org.BouncyCastle.Crypto.Agreement;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Kems;
using Org.BouncyCastle.Crypto.Parameters;

namespace Safes.Keys.Tests;

public sealed partial class XWingTests
{
    private sealed record Vector(
        [property: JsonPropertyName("seed")] string Seed,
        [property: JsonPropertyName("encapsulation_seed")] string EncapsulationSeed,
        [property: JsonPropertyName("public_key_sha256")] string PublicKeyHash,
        [property: JsonPropertyName("ciphertext_sha256")] string CiphertextHash,
        [property: JsonPropertyName("shared_secret")] string SharedSecret);

    [LibraryImport("libsodium", EntryPoint = "crypto_kem_xwing_enc_deterministic")]
    private static partial int Encapsulate(Span<byte> ciphertext, Span<byte> secret, ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> seed);

    [Fact]
    public void The_vectors_of_the_draft_pass()
    {
        string file = Path.Combine(AppContext.BaseDirectory, "Vectors", "xwing.json");
        var vectors = JsonSerializer.Deserialize<Vector[]>(File.ReadAllText(file))!;
        Assert.NotEmpty(vectors);
        foreach (var vector in vectors)
        {
            using var seed = Secret.FromHex(vector.Seed);
            byte[] pk = KemKeyPair.PublicKey(seed);
            Assert.Equal(vector.PublicKeyHash, Convert.ToHexStringLower(SHA256.HashData(pk)));
            byte[] ct = new byte[KemKeyPair.CiphertextSize], secret = new byte[32];
            Assert.Equal(0, Encapsulate(ct, secret, pk, Convert.FromHexString(vector.EncapsulationSeed)));
            Assert.Equal(vector.CiphertextHash, Convert.ToHexStringLower(SHA256.HashData(ct)));
            Assert.Equal(vector.SharedSecret, Convert.ToHexStringLower(secret));
            using var shared = KemKeyPair.Decapsulate(seed, ct);
            Assert.Equal(vector.SharedSecret, Convert.ToHexStringLower(Secret.Reveal(shared!)));
        }
    }

    [Fact]
    public void A_second_implementation_agrees_on_random_keys()
    {
        for (int i = 0; i < 30; i++)
        {
            using var seed = KemKeyPair.NewSeed();
            var other = new SecondXWing(Secret.Reveal(seed));
            byte[] pk = KemKeyPair.PublicKey(seed);
            Assert.Equal(other.PublicKey, pk);

            byte[] ct = new byte[KemKeyPair.CiphertextSize];
            using var ours = KemKeyPair.Encapsulate(pk, ct);
            Assert.Equal(other.Decapsulate(ct), Secret.Reveal(ours));

            var (theirCt, theirs) = SecondXWing.Encapsulate(pk);
            using var back = KemKeyPair.Decapsulate(seed, theirCt);
            Assert.Equal(theirs, Secret.Reveal(back!));
        }
    }

    [Fact]
    public void What_is_not_a_public_key_is_refused()
    {
        byte[] ct = new byte[KemKeyPair.CiphertextSize];
        Assert.Throws<MalformedException>(() => KemKeyPair.Encapsulate(new byte[5], ct));
        byte[] outOfRange = [.. Enumerable.Repeat((byte)0xff, KemKeyPair.PublicKeySize)];
        Assert.Throws<MalformedException>(() => KemKeyPair.Encapsulate(outOfRange, ct));
    }

    /// <summary>X-Wing built from BouncyCastle's parts.</summary>
    private sealed class SecondXWing
    {
        private readonly MLKemPrivateKeyParameters m;
        private readonly X25519PrivateKeyParameters x;

        public SecondXWing(byte[] seed)
        {
            byte[] expanded = new byte[96];
            var shake = new ShakeDigest(256);
            shake.BlockUpdate(seed);
            shake.OutputFinal(expanded, 0, 96);
            m = MLKemPrivateKeyParameters.FromSeed(MLKemParameters.ml_kem_768, expanded[..64]);
            x = new X25519PrivateKeyParameters(expanded, 64);
        }

        public byte[] PublicKey => [.. m.GetPublicKey().GetEncoded(), .. x.GeneratePublicKey().GetEncoded()];

        public byte[] Decapsulate(byte[] ct)
        {
            var kem = new MLKemDecapsulator(MLKemParameters.ml_kem_768);
            kem.Init(m);
            byte[] ssM = new byte[32];
            kem.Decapsulate(ct, 0, 1088, ssM, 0, 32);
            return Combine(ssM, Agree(x, ct[1088..]), ct[1088..], PublicKey[1184..]);
        }

        public static (byte[] Ciphertext, byte[] Secret) Encapsulate(byte[] pk)
        {
            var kem = new MLKemEncapsulator(MLKemParameters.ml_kem_768);
            kem.Init(MLKemPublicKeyParameters.FromEncoding(MLKemParameters.ml_kem_768, pk[..1184]));
            byte[] ctM = new byte[1088], ssM = new byte[32];
            kem.Encapsulate(ctM, 0, 1088, ssM, 0, 32);
            var ephemeral = new X25519PrivateKeyParameters(RandomNumberGenerator.GetBytes(32), 0);
            byte[] ctX = ephemeral.GeneratePublicKey().GetEncoded();
            return ([.. ctM, .. ctX], Combine(ssM, Agree(ephemeral, pk[1184..]), ctX, pk[1184..]));
        }

        private static byte[] Agree(X25519PrivateKeyParameters key, byte[] publicKey)
        {
            var agreement = new X25519Agreement();
            agreement.Init(key);
            byte[] secret = new byte[32];
            agreement.CalculateAgreement(new X25519PublicKeyParameters(publicKey, 0), secret, 0);
            return secret;
        }

        private static byte[] Combine(byte[] ssM, byte[] ssX, byte[] ctX, byte[] pkX)
        {
            var sha = new Sha3Digest(256);
            sha.BlockUpdate([.. ssM, .. ssX, .. ctX, .. pkX, 0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c]);
            byte[] secret = new byte[32];
            sha.DoFinal(secret, 0);
            return secret;
        }
    }
}
