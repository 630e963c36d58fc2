using System.Reflection;
using System.Runtime.CompilerServices;

namespace Safes.Linux.Tests;

public class OtherSystems
{
    [Fact]
    public void No_native_call_is_reached_on_another_system()
    {
        Assert.Throws<PlatformNotSupportedException>(() => OnlyLinux.Check(linux: false));
        var begin = typeof(OnlyLinux).GetMethod(nameof(OnlyLinux.Begin), BindingFlags.NonPublic | BindingFlags.Static)!;
        Assert.NotNull(begin.GetCustomAttribute<ModuleInitializerAttribute>());
    }
}
