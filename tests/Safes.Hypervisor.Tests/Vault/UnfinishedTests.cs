using Safes.Contracts;
using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Tests.Vaults;

/// <summary>What an init that was cut short may take away, and what not.</summary>
public sealed class UnfinishedTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("safes-unfinished").FullName;
    private readonly SafePaths paths;
    private readonly string volume;

    public UnfinishedTests() => (paths, volume) = (new SafePaths(Path.Combine(root, "state"), Path.Combine(root, "run"), "ledger"), Path.Combine(root, "volume"));

    [Fact]
    public void What_it_made_goes_its_volume_under_either_name_too()
    {
        Begin();
        File.WriteAllText(Unfinished.Partial(paths, volume), "half");
        File.WriteAllText(Path.Combine(paths.State, "config.json"), "{}");
        Undo();
        Assert.Equal(["state"], Directory.EnumerateFileSystemEntries(root).Select(e => Path.GetFileName(e)));
        Assert.False(Directory.Exists(paths.State));

        Begin();
        File.WriteAllText(Unfinished.Partial(paths, volume), "whole");
        Unfinished.Finish(paths, volume);
        Assert.Equal("whole", File.ReadAllText(volume));
        Undo();
        Assert.False(File.Exists(volume));
    }

    [Fact]
    public void One_that_was_cut_short_while_its_first_word_was_written_is_begun_anew()
    {
        Directory.CreateDirectory(paths.State);
        File.WriteAllText(Path.Combine(paths.State, "unfinished.new"), "ha");
        Assert.Null(Unfinished.Find(paths.State));
        Begin();
        Assert.Equal(volume, Unfinished.Find(paths.State)!.Volume);
        Undo();
        Assert.False(Directory.Exists(paths.State));
    }

    [Fact]
    public void Somebody_else_s_file_of_the_volume_s_name_is_neither_replaced_nor_taken_away()
    {
        Begin();
        File.WriteAllText(volume, "another's");
        File.WriteAllText(Unfinished.Partial(paths, volume), "whole");
        Assert.Throws<IOException>(() => Unfinished.Finish(paths, volume));
        Undo();
        Assert.Equal("another's", File.ReadAllText(volume));
    }

    [Fact]
    public void A_safe_that_was_put_there_since_or_lay_there_before_is_left_alone()
    {
        Begin();
        File.WriteAllText(Path.Combine(paths.State, "header.a"), "restored from a copy");
        Assert.Null(Unfinished.Find(paths.State));
        File.Delete(Path.Combine(paths.State, "unfinished"));
        Assert.Equal(FaultCodes.SafeExists, Assert.Throws<FaultException>(Begin).Code);
        Assert.True(File.Exists(Path.Combine(paths.State, "header.a")));
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private void Begin()
    {
        Directory.CreateDirectory(paths.StateRoot);
        Unfinished.Begin(paths, volume);
    }

    private void Undo() => Unfinished.Find(paths.State)!.Undo(paths);
}
