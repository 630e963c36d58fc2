using System.Security.Cryptography;
using System.Text;
using Safes.Tests;

namespace Safes.Volumes.Tests;

/// <summary>Half of a test: the other one (ServersKernelTests) looks at the whole memory of the machine in which this runs, and says when to go on.</summary>
[Trait("needs", "root")]
[Trait("needs", "own-kernel")]
public sealed class SeenFromOutside
{
    [Fact]
    public async Task It_opens_and_closes_while_somebody_looks_from_outside()
    {
        string? outside = Environment.GetEnvironmentVariable("SAFES_TEST_OUTSIDE");
        Assert.SkipWhen(outside is null, "nobody looks: ./test ServersKernelTests does");
        await using var line = new FileStream(outside, new FileStreamOptions { Access = FileAccess.ReadWrite, BufferSize = 0 });
        await using var test = await TestVolume.OpenAsync();
        string name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        byte[] content = RandomNumberGenerator.GetBytes(32);
        test.Volume.Root.WriteFile($"share/{name}", content);
        Assert.Equal(content, test.Volume.Root.ReadFile($"share/{name}"));
        using (var key = test.Secret.Borrow())
        {
            Say($"\nkey: {Masked.Text(key.Span)}");
        }

        Say($"content: {Masked.Text(content)}");
        Say($"name: {Masked.Text(Encoding.ASCII.GetBytes(name))}");
        Say("open");
        Assert.Equal('\n', line.ReadByte());
        await test.LockAsync();
        Assert.True(test.Volume.Observe(test.Key).IsClosed);

        void Say(string text) => line.Write(Encoding.ASCII.GetBytes(text + "\n"));
    }
}
