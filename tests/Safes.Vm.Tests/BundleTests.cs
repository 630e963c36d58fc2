namespace Safes.Vm.Tests;

[Trait("needs", "guest")]
public sealed class BundleTests
{
    [Fact]
    public async Task An_image_is_booted_once_and_becomes_a_bundle()
    {
        Parts.NeedRoot();
        var bundle = await Parts.BundleAsync();
        Assert.Equal(64, bundle.Digest.Length);
        Assert.Equal(Parts.Memory, bundle.Manifest.MemoryBytes);
    }
}
