namespace Safes.Linux.Tests;

public class OtherSystems
{
    [Fact]
    public void No_native_call_is_reached_on_another_system() => Assert.Throws<PlatformNotSupportedException>(() => OnlyLinux.Check(linux: false));
}
