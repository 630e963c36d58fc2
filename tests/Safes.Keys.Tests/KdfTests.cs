using System.Security.Cryptography;
using CsCheck;

namespace Safes.Keys.Tests;

public class KdfTests
{
    [Fact]
    public void The_inputs_of_RFC_5869_give_the_known_output_with_SHA_512()
    {
        using var ikm = Secret.Of(Enumerable.Repeat((byte)0x0b, 22).ToArray());
        using var okm = Kdf.Derive(ikm, Convert.FromHexString("000102030405060708090a0b0c"), Convert.FromHexString("f0f1f2f3f4f5f6f7f8f9"), 42);
        Assert.Equal("832390086cda71fb47625bb5ceb168e4c8e26a1a16ed34d9fc7fe92c1481579338da362cb8d9f925d7cb", Convert.ToHexStringLower(Secret.Reveal(okm)));
    }

    [Fact]
    public void So_do_its_longer_inputs_and_those_without_salt_and_info()
    {
        static byte[] Run(int from, int length) => [.. Enumerable.Range(from, length).Select(i => (byte)i)];
        using var longer = Secret.Of(Run(0, 80));
        using var okm = Kdf.Derive(longer, Run(0x60, 80), Run(0xb0, 80), 82);
        Assert.Equal(
            "ce6c97192805b346e6161e821ed165673b84f400a2b514b2fe23d84cd189ddf1b695b48cbd1c8388441137b3ce28f16aa64ba33ba466b24df6cfcb021ecff235f6a2056ce3af1de44d572097a8505d9e7a93",
            Convert.ToHexStringLower(Secret.Reveal(okm)));
        using var ikm = Secret.Of(Enumerable.Repeat((byte)0x0b, 22).ToArray());
        using var bare = Kdf.Derive(ikm, [], [], 42);
        Assert.Equal("f5fa02b18298a72a8c23898a8703472c6eb179dc204c03425c970e3b164bf90fff22d04836d0e2343bac", Convert.ToHexStringLower(Secret.Reveal(bare)));
    }

    [Fact]
    public void It_agrees_with_the_platform_on_any_input() =>
        Gen.Select(Gen.Byte.Array[1, 200], Gen.Byte.Array[0, 200], Gen.Byte.Array[0, 2000], Gen.Int[1, 300]).Sample((ikm, salt, info, length) =>
        {
            using var from = Secret.Of(ikm);
            using var derived = Kdf.Derive(from, salt, info, length);
            return Secret.Reveal(derived).SequenceEqual(HKDF.DeriveKey(HashAlgorithmName.SHA512, ikm, length, salt, info));
        }, iter: 300);

    [Fact]
    public void The_mac_agrees_with_the_platform_on_any_input() =>
        Gen.Select(Gen.Byte.Array[1, 300], Gen.Byte.Array[0, 2000]).Sample((key, message) =>
        {
            using var k = Secret.Of(key);
            byte[] mac = HMACSHA512.HashData(key, message);
            return Kdf.Mac(k, message).SequenceEqual(mac) && Kdf.VerifyMac(k, message, mac) && !Kdf.VerifyMac(k, [.. message, 0], mac) && !Kdf.VerifyMac(k, message, mac.AsSpan(0, 63));
        }, iter: 300);
}
