using Safes.Contracts;
using Safes.Linux;

namespace Safes.Transfer.Tests;

public class FileTreeTests
{
    /// <summary>exFAT answers so to names that it does not take. This machine's kernel has none; a directory that was removed answers so to every name.</summary>
    [Fact]
    public void That_nothing_is_there_is_not_what_is_said_of_a_name_that_could_not_be_given()
    {
        var directory = Directory.CreateTempSubdirectory("safes-tree-");
        using var opened = Fcntl.Open(directory.FullName, Fcntl.ReadOnly | Fcntl.Directory);
        var tree = new FileTree(() => Fcntl.OpenBeneath(opened, ".", Fcntl.ReadOnly | Fcntl.Directory));
        directory.Delete();
        var fault = Assert.Throws<FaultException>(() => tree.MakeDirectories(FilePath.Parse("one:two"), 0x1c0));
        Assert.Equal(FaultCodes.FileName, fault.Code);
        Assert.Contains("does not take the name", fault.Details["why"], StringComparison.Ordinal);
    }
}
