namespace Safes.Keys.Tests;

public sealed class Blake2sTests
{
    [Fact]
    public void The_vector_of_RFC_7693_passes()
    {
        byte[] hash = new byte[32];
        Blake2s.Hash(hash, [], "abc"u8);
        Assert.Equal("508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982", Convert.ToHexStringLower(hash));
    }

    [Fact]
    public void So_does_the_self_test_of_its_appendix_E()
    {
        // Hashes and keyed hashes of many lengths, hashed together.
        var all = new List<byte>();
        foreach (int size in (int[])[16, 20, 28, 32])
        {
            foreach (int length in (int[])[0, 3, 64, 65, 255, 1024])
            {
                byte[] output = new byte[size], message = Sequence(length, length), key = Sequence(size, size);
                Blake2s.Hash(output, [], message);
                all.AddRange(output);
                Blake2s.Hash(output, key, message);
                all.AddRange(output);
            }
        }

        byte[] sum = new byte[32];
        Blake2s.Hash(sum, [], all.ToArray());
        Assert.Equal("6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe", Convert.ToHexStringLower(sum));
    }

    private static byte[] Sequence(int length, int seed)
    {
        byte[] bytes = new byte[length];
        uint a = 0xDEAD4BAD * (uint)seed, b = 1;
        for (int i = 0; i < length; i++)
        {
            (a, b) = (b, a + b);
            bytes[i] = (byte)(b >> 24);
        }

        return bytes;
    }
}
