#pragma warning disable xUnit1051, xUnit1069    // the limit is for a hang; everything that waits here ends with the scene
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Transfers;

/// <summary>What a person names on the command line, and what his own device does not do with it.</summary>
public sealed class NamedFilesTests
{
    /// <summary>The kernel answers EINVAL to whoever reads it: a loopback link has no speed.</summary>
    private const string Unreadable = "/sys/devices/virtual/net/lo/speed";

    [Fact(Timeout = 60_000)]
    public async Task A_file_that_this_device_cannot_read_is_told_at_once_and_the_others_go_on()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllText(scene.Device("first"), "words");
        File.WriteAllText(scene.Device("last"), "other words");
        var begun = BootClock.Now;
        var put = await scene.PutAsync([scene.Device("first"), Unreadable, scene.Device("last")], "in/");
        Assert.InRange(BootClock.Now - begun, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.Equal((2L, 1L, 0), (put.Files, put.Failures, put.Resumed));
        Assert.Equal(("speed", FaultCodes.FileFailed, "Invalid argument"), (put.Failed[0].Path, put.Failed[0].Fault.Code, put.Failed[0].Fault.Details["why"]));
        Assert.Equal(["first", "last"], Scene.Names(scene.Share("in")));
        Assert.Empty(Scene.Names(scene.Volume("transfers")));
        Assert.Equal(1, scene.Link.Connections);

        // The same on the way out, where what is here is compared.
        File.WriteAllBytes(scene.Share("speed"), new byte[4096]);
        File.WriteAllText(scene.Share("after"), "words");
        var got = await scene.GetAsync(["speed", "after"], Path.GetDirectoryName(Unreadable)!);
        Assert.Equal(FaultCodes.FileFailed, got.Failed[0].Fault.Code);
        Assert.Equal(0, got.Resumed);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_link_that_is_named_is_followed_and_one_that_is_found_is_not()
    {
        await using var scene = await Scene.OpenAsync();
        Directory.CreateDirectory(scene.Device("papers"));
        File.WriteAllText(Path.Combine(scene.Device("papers"), "real"), "words");
        File.CreateSymbolicLink(Path.Combine(scene.Device("papers"), "within"), "real");
        File.CreateSymbolicLink(scene.Device("file"), Path.Combine("papers", "within"));    // over another link, by a relative path
        File.CreateSymbolicLink(scene.Device("tree"), scene.Device("papers"));
        var put = await scene.PutAsync([scene.Device("file"), scene.Device("tree"), scene.Device("papers/")], "in/");
        Assert.Equal((3L, 2L, 2L, 0L), (put.Files, put.Directories, put.Skips, put.Failures));
        Assert.Equal(["file", "papers", "papers/real", "tree", "tree/real"], Scene.Names(scene.Share("in")));
        Assert.Equal("words", File.ReadAllText(scene.Share("in/file")));
    }

    [Fact(Timeout = 60_000)]
    public async Task What_is_named_and_is_no_file_or_leads_nowhere_is_refused_and_nothing_goes()
    {
        await using var scene = await Scene.OpenAsync();
        File.WriteAllText(scene.Device("file"), "words");
        File.CreateSymbolicLink(scene.Device("gone"), scene.Device("nothing"));
        File.CreateSymbolicLink(scene.Device("circle"), scene.Device("circle"));
        await Tool.RunAsync("mkfifo", [scene.Device("pipe")]);
        foreach (var (name, code) in ((string, FaultCode)[])[("gone", FaultCodes.FileUnknown), ("circle", FaultCodes.FileKind), ("pipe", FaultCodes.FileKind), ("file/", FaultCodes.FileKind)])
        {
            var fault = await Assert.ThrowsAsync<FaultException>(() => scene.PutAsync([scene.Device("file"), scene.Device(name)], "in/"));
            Assert.Equal((code, scene.Device(name)), (fault.Code, fault.Details["file"]));
        }

        Assert.Empty(Scene.Names(scene.Share("")));
    }
}
