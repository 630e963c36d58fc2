using Safes.Contracts;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Vaults;
using Safes.Lifecycle;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Vaults;

/// <summary>A server whose own directories cannot be written.</summary>
public sealed class ServerRoomTests
{
    [Fact]
    [Trait("needs", "root")]
    public async Task A_state_directory_that_became_read_only_is_a_fault_of_its_own_that_names_it()
    {
        string place = await MountedAsync("size=1m");
        try
        {
            var files = new FileOperations();
            string file = Path.Combine(place, "attempts");
            files.Replace(file, "one"u8);
            await Tool.RunAsync("mount", ["-o", "remount,ro", place]);
            foreach (var act in (Action[])[() => files.Replace(file, "two"u8), () => files.Remove(file), () => files.Erase(file), () => files.Rename(file, file + "2")])
            {
                var refused = Assert.Throws<FaultException>(act);
                Assert.Equal(FaultCodes.StateReadOnly, refused.Code);
                Assert.StartsWith(file, refused.Details["path"], StringComparison.Ordinal);
            }

            Assert.Equal("one"u8.ToArray(), files.Read(file, 10));
        }
        finally
        {
            await GoneAsync(place);
        }
    }

    [Fact]
    [Trait("needs", "root")]
    public async Task A_full_run_directory_is_said_before_anything_is_opened()
    {
        string place = await MountedAsync("size=8m");
        try
        {
            RunRoom.Check(place);
            await File.WriteAllBytesAsync(Path.Combine(place, "filler"), new byte[5 << 20], TestContext.Current.CancellationToken);
            var refused = Assert.Throws<FaultException>(() => RunRoom.Check(place));
            Assert.Equal((FaultCodes.RunFull, place, "4"), (refused.Code, refused.Details["path"], refused.Details["needed"]));
        }
        finally
        {
            await GoneAsync(place);
        }
    }

    [Fact]
    public void Who_hears_of_a_holder_hears_whether_the_key_has_gone()
    {
        var holder = new Holder(4711, "backup", "open file");
        Assert.Equal("absent", FaultMap.OfFaulted(new Faulted("", [holder], null, null, KeyGone: true)).Details["key"]);
        Assert.Equal("present", FaultMap.OfFaulted(new Faulted("", [holder], null, null)).Details["key"]);
    }

    private static async Task<string> MountedAsync(string options)
    {
        Assert.SkipUnless(Unistd.EffectiveUser == 0 || Environment.GetEnvironmentVariable("CI") == "true", "needs root");
        string place = Directory.CreateTempSubdirectory("safes-room").FullName;
        await Tool.RunAsync("mount", ["-t", "tmpfs", "-o", options, "safes-room", place]);
        return place;
    }

    private static async Task GoneAsync(string place)
    {
        await Tool.RunAsync("umount", [place]);
        Directory.Delete(place);
    }
}
