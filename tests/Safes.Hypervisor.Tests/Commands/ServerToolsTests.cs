using Safes.Contracts;
using Safes.Hypervisor.Commands;

namespace Safes.Hypervisor.Tests.Commands;

/// <summary>tools.json as a supplier may have it: whole, without what may be left out, or spoilt.</summary>
public sealed class ServerToolsTests : IDisposable
{
    private const string Least = """ "qemu": "QEMU", "qemuImg": "", "virtiofsd": ["v"], "kernel": "", "modules": "", "busybox": "", "accelerator": "tcg" """;

    private readonly string directory = Directory.CreateTempSubdirectory("safes-tools-").FullName;

    [Fact]
    public async Task What_may_be_left_out_is_empty_then()
    {
        Write($"{{ {Least} }}");
        var tools = await ServerTools.LoadAsync(directory);
        Assert.Equal(("10.0.2", ""), (tools.QemuVersion, tools.Stamp));
        Assert.Empty(tools.QemuArguments);
        Assert.Contains("PATH", tools.Environment.Keys);
    }

    [Theory]
    [InlineData("{ not JSON")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData($"{{ {Least}, \"another\": 1 }}")]
    [InlineData($"{{ {Least}, \"qemuEnvironment\": null }}")]
    [InlineData("""{ "qemu": "QEMU", "qemuImg": "", "virtiofsd": [], "kernel": "", "modules": "", "busybox": "", "accelerator": "tcg" }""")]
    public async Task What_makes_no_sense_is_named(string text)
    {
        Write(text);
        var fault = await Assert.ThrowsAsync<FaultException>(() => ServerTools.LoadAsync(directory));
        Assert.Equal(FaultCodes.BadConfiguration, fault.Code);
        Assert.StartsWith($"{directory}/tools.json: ", fault.Details["why"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_it_or_without_QEMU_a_tool_is_missing()
    {
        Assert.Equal(FaultCodes.ToolMissing, (await Assert.ThrowsAsync<FaultException>(() => ServerTools.LoadAsync(directory))).Code);
        Write($"{{ {Least} }}");
        File.Delete(Path.Combine(directory, "qemu"));
        Assert.Equal(FaultCodes.ToolMissing, (await Assert.ThrowsAsync<FaultException>(() => ServerTools.LoadAsync(directory))).Code);
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private void Write(string text)
    {
        string qemu = Path.Combine(directory, "qemu");
        File.WriteAllText(qemu, "#!/bin/sh\necho QEMU emulator version 10.0.2\n");
        File.SetUnixFileMode(qemu, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllText(Path.Combine(directory, "tools.json"), text.Replace("QEMU", qemu, StringComparison.Ordinal));
    }
}
