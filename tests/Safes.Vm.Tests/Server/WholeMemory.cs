using Safes.Linux;

namespace Safes.Vm.Tests.Server;

/// <summary>Looks for secrets in a machine's memory, a file.</summary>
internal static class WholeMemory
{
    private const int Block = 64 << 20, Longest = 4096;

    /// <summary>Which of these are anywhere in it.</summary>
    public static IReadOnlyList<string> Find(string memory, IReadOnlyDictionary<string, byte[]> sought)
    {
        var found = new HashSet<string>();
        byte[] block = new byte[Block + Longest];
        using var file = File.OpenHandle(memory);
        for (long at = 0, length = RandomAccess.GetLength(file); at < length; at += Block)
        {
            int read = RandomAccess.Read(file, block, at);
            Assert.Equal(Math.Min(block.Length, length - at), read);
            found.UnionWith(sought.Where(s => block.AsSpan(0, read).IndexOf(s.Value) >= 0).Select(s => s.Key));
        }

        return [.. found];
    }

    /// <summary>Keys of AES whose round keys lie there (aeskeyfind: Halderman et al., Lest We Remember, 2008).</summary>
    public static async Task<string[]> AesKeysAsync(string memory) =>
        (await Tool.RunAsync("aeskeyfind", ["-q", memory], limit: TimeSpan.FromMinutes(3))).Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
