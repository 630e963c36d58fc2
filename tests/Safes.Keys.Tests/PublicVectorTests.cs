using System.Numerics;
using System.Text;
using System.Text.Json;

namespace Safes.Keys.Tests;

/// <summary>
/// Published vectors through the very functions that the programs call. Wycheproof's lie beside, with where they come from.
/// </summary>
public class PublicVectorTests
{
    [Theory]
    [InlineData("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854")]
    [InlineData("4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")]
    [InlineData("0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd")]
    public void The_vectors_of_RFC_4231_pass(string key, string message, string mac)
    {
        using var k = Secret.FromHex(key);
        Assert.Equal(mac, Hex(Kdf.Mac(k, Bytes(message))));
    }

    [Fact]
    public void A_key_longer_than_a_block_is_hashed_first_as_in_RFC_4231()
    {
        using var key = Secret.Of([.. Enumerable.Repeat((byte)0xaa, 131)]);
        Assert.Equal("80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            Hex(Kdf.Mac(key, "Test Using Larger Than Block-Size Key - Hash Key First"u8)));
    }

    [Fact]
    public void The_vectors_of_RFC_8032_pass()
    {
        // Section 7.1, tests 1 and 3.
        foreach (var (seed, pk, message, signature) in new[]
        {
            ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
        })
        {
            using var key = Secret.FromHex(seed);
            Assert.Equal(pk, Hex(SigningKey.PublicKey(key)));
            Assert.Equal(signature, Hex(SigningKey.Sign(key, Bytes(message))));
            Assert.True(SigningKey.Verify(Bytes(pk), Bytes(message), Bytes(signature)));
        }
    }

    [Fact]
    public void A_signature_has_one_form_and_no_key_of_small_order_signs_anything()
    {
        using var seed = Secret.FromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        byte[] pk = SigningKey.PublicKey(seed), signature = SigningKey.Sign(seed, [1]);
        var order = (BigInteger.One << 252) + BigInteger.Parse("27742317777372353535851937790883648493", System.Globalization.CultureInfo.InvariantCulture);
        byte[] other = [.. signature[..32], .. (new BigInteger(signature.AsSpan(32), isUnsigned: true) + order).ToByteArray(isUnsigned: true)];
        Assert.Equal(64, other.Length);
        Assert.True(SigningKey.Verify(pk, [1], signature));
        Assert.False(SigningKey.Verify(pk, [1], other));
        foreach (string small in (string[])[
            "0100000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"])
        {
            for (byte i = 0; i < 40; i++)
            {
                // R of small order and S = 0 satisfy the equation for every message whose hash is a multiple of the key's order.
                Assert.False(SigningKey.Verify(Bytes(small), [i], [.. Bytes(small), .. new byte[32]]));
                Assert.False(SigningKey.Verify(Bytes(small), [i], [1, .. new byte[63]]));
            }
        }
    }

    [Fact]
    public void The_vector_of_XChaCha20_Poly1305_passes()
    {
        // draft-irtf-cfrg-xchacha-03, A.3.1.
        using var key = Secret.FromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
        byte[] plain = Encoding.ASCII.GetBytes("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."), opened = new byte[plain.Length];
        byte[] box = Bytes("404142434445464748494a4b4c4d4e4f5051525354555657" +
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e" +
            "c0875924c1c7987947deafd8780acf49");
        Assert.True(Aead.Open(opened, key, box, Bytes("50515253c0c1c2c3c4c5c6c7")));
        Assert.Equal(plain, opened);
        for (int bit = 0; bit < box.Length * 8; bit++)
        {
            byte[] flipped = [.. box];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(Aead.Open(opened, key, flipped, Bytes("50515253c0c1c2c3c4c5c6c7")));
        }
    }

    [Theory]
    [InlineData("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")]
    [InlineData("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")]
    public void The_keys_of_RFC_7748_pass(string privateKey, string publicKey)
    {
        // Section 6.1.
        using var key = Secret.FromHex(privateKey);
        Assert.Equal(publicKey, Hex(WireGuardKey.PublicKey(key)));
    }

    [Fact]
    public void Wycheproof_HMAC_SHA_512_passes() => Each("hmac_sha512", (group, test) =>
    {
        using var key = Secret.Of(Bytes(test, "key"));
        byte[] mac = Kdf.Mac(key, Bytes(test, "msg")), tag = Bytes(test, "tag");
        // Truncated tags are not a thing here: what is compared is the whole one.
        return group.GetProperty("tagSize").GetInt32() == 512 ? Kdf.VerifyMac(key, Bytes(test, "msg"), tag) : mac.AsSpan(0, tag.Length).SequenceEqual(tag);
    });

    [Fact]
    public void Wycheproof_HKDF_SHA_512_passes() => Each("hkdf_sha512", (_, test) =>
    {
        using var ikm = Secret.Of(Bytes(test, "ikm"));
        try
        {
            using var okm = Kdf.Derive(ikm, Bytes(test, "salt"), Bytes(test, "info"), test.GetProperty("size").GetInt32());
            return Secret.Reveal(okm).SequenceEqual(Bytes(test, "okm"));
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    });

    [Fact]
    public void Wycheproof_Ed25519_passes() => Each("ed25519", (group, test) => SigningKey.Verify(
        Bytes(group.GetProperty("publicKey"), "pk"), Bytes(test, "msg"), Bytes(test, "sig")));

    [Fact]
    public void Wycheproof_XChaCha20_Poly1305_passes() => Each("xchacha20_poly1305", (_, test) =>
    {
        using var key = Secret.Of(Bytes(test, "key"));
        byte[] iv = Bytes(test, "iv"), ct = Bytes(test, "ct"), opened = new byte[ct.Length];
        return iv.Length == 24 && Aead.Open(opened, key, [.. iv, .. ct, .. Bytes(test, "tag")], Bytes(test, "aad")) && opened.SequenceEqual(Bytes(test, "msg"));
    });

    private static void Each(string algorithm, Func<JsonElement, JsonElement, bool> holds)
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Wycheproof", algorithm + ".json")));
        int done = 0;
        foreach (var group in file.RootElement.GetProperty("testGroups").EnumerateArray())
        {
            foreach (var test in group.GetProperty("tests").EnumerateArray())
            {
                string result = test.GetProperty("result").GetString()!;
                Assert.True(result == "acceptable" || holds(group, test) == (result == "valid"), $"{algorithm} {test.GetProperty("tcId")}: {result}");
                done++;
            }
        }

        Assert.Equal(file.RootElement.GetProperty("numberOfTests").GetInt32(), done);
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex);

    private static byte[] Bytes(JsonElement of, string name) => Bytes(of.GetProperty(name).GetString()!);
}
