using Safes.Contracts;
using Safes.Hypervisor.Commands;

namespace Safes.Hypervisor.Tests.Daemon;

public sealed class RunLockTests : IDisposable
{
    private readonly SafePaths paths = new("/nonexistent", Directory.CreateTempSubdirectory("safes-lock-").FullName, "ledger");

    [Fact]
    public void There_is_one_safed_per_safe()
    {
        using var first = RunLock.Take(paths, null);
        Assert.Equal(FaultCodes.AlreadyRunning, Assert.Throws<FaultException>(() => RunLock.Take(paths, null)).Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1\n")]
    [InlineData("rubbish \u0007 of another run")]
    public void What_another_run_left_in_the_file_does_not_matter(string content)
    {
        Directory.CreateDirectory(paths.Run);
        File.WriteAllText(paths.LockFile, content);
        RunLock.Take(paths, null).Dispose();
        RunLock.Take(paths, null).Dispose();
    }

    [Fact]
    public void A_directory_in_its_place_does_not_matter()
    {
        Directory.CreateDirectory(paths.LockFile);
        RunLock.Take(paths, null).Dispose();
    }

    public void Dispose() => Directory.Delete(paths.RunRoot, recursive: true);
}
