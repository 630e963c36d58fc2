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
        await using var line = OwnMachine.Line();
        await using var test = await TestVolume.MadeAsync();
        string name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        byte[] content = RandomNumberGenerator.GetBytes(32);
        using (var key = test.Secret.Borrow())
        {
            line.Say($"\nkey: {Masked.Text(key.Span)}");
        }

        line.Say($"content: {Masked.Text(content)}");
        line.Say($"name: {Masked.Text(Encoding.ASCII.GetBytes(name))}");
        line.SayAndWait("not yet open");

        await test.OpenFirstAsync();
        test.Volume.Root.WriteFile($"share/{name}", content);
        Assert.Equal(content, test.Volume.Root.ReadFile($"share/{name}"));
        line.SayAndWait("open");

        await test.LockAsync();
        Assert.True(test.Volume.Observe(test.Key).IsClosed);
        test.Secret.Dispose();
        line.SayAndWait("closed");
    }
}
