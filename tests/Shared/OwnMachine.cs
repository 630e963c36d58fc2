namespace Safes.Tests;

/// <summary>A virtual machine that is there for one run of tests (ServersKernelTests), so that they may break its disks, reboot it, or be looked at from outside.</summary>
internal static class OwnMachine
{
    /// <summary>Set there: what is written to this device, and read from it, is said to and by whoever made the machine.</summary>
    public const string Variable = "SAFES_TEST_MACHINE";

    /// <summary>Skips everywhere else.</summary>
    /// <returns>The device.</returns>
    public static string Need()
    {
        string? device = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(device is null, "only in a machine of its own: ./test ServersKernelTests makes one");
        return device;
    }

    /// <summary>The device, for <see cref="Say"/> and <see cref="SayAndWait"/>; skips everywhere else.</summary>
    public static FileStream Line() => new(Need(), new FileStreamOptions { Access = FileAccess.ReadWrite, BufferSize = 0 });

    public static void Say(this FileStream line, string text) => line.Write(System.Text.Encoding.ASCII.GetBytes(text + "\n"));

    /// <summary>Says it, and waits for the word to go on.</summary>
    public static void SayAndWait(this FileStream line, string text)
    {
        line.Say(text);
        Assert.Equal('\n', line.ReadByte());
    }
}
