namespace Safes.Qemu.Tests;

/// <summary>What a saved state is compared with before QEMU is started.</summary>
public sealed class StateRecordTests : IDisposable
{
    private static readonly HostHardware Hardware = new("desk", 1, 512 << 20, "52:54:00:00:00:01", 64210, Guid.NewGuid());

    private static readonly Tools Tools = new()
    {
        Qemu = "",
        QemuImg = "",
        Virtiofsd = [],
        Kernel = "",
        Modules = "",
        Busybox = "",
        Accelerator = "tcg",
        QemuVersion = "10.0.2",
    };

    private readonly HostPlaces places = new(Directory.CreateTempSubdirectory("safes-state").FullName, "", "", "");

    public StateRecordTests()
    {
        foreach (string file in (string[])[places.Ram, places.Disk, places.State, places.StateRecord])
        {
            File.WriteAllText(file, $"the content of {Path.GetFileName(file)}");
        }

        new StateRecord
        {
            Host = Hardware.Name,
            Generation = 1,
            Digest = StateRecord.DigestOf(places.State, 20),
            Length = 20,
            Ram = FileMark.Of(places.Ram)!,
            Disk = FileMark.Of(places.Disk)!,
            Qemu = Tools.QemuVersion,
            Accelerator = "tcg",
            Cpu = HostCpu.Describe("tcg"),
            Hardware = Hardware.Shape("tcg"),
            SavedUnix = 1,
        }.Write(places);
    }

    [Fact]
    public void A_state_fits_the_files_that_it_was_saved_with() => StateRecord.Find(places)!.Check(Hardware, places, Tools);

    [Theory]
    [InlineData("ram")]
    [InlineData("disk")]
    [InlineData("state")]
    public void A_file_that_was_written_or_put_in_its_place_since_is_damage(string what)
    {
        string file = what switch { "ram" => places.Ram, "disk" => places.Disk, _ => places.State };
        var record = StateRecord.Find(places)!;
        string content = File.ReadAllText(file);
        // The same length: it is not that which gives it away.
        File.WriteAllText(file + ".other", content.Replace('t', 'T'));
        File.Move(file + ".other", file, overwrite: true);
        Assert.Equal((StateProblem.Damaged, what), Refusal(record));
        File.Delete(file);
        Assert.Equal((StateProblem.Damaged, what), Refusal(record));
    }

    [Fact]
    public void Another_host_s_state_is_damage() =>
        Assert.Equal((StateProblem.Damaged, "record"), Refusal(StateRecord.Find(places)! with { Host = "build" }));

    public void Dispose() => Directory.Delete(places.Home, recursive: true);

    private (StateProblem, string) Refusal(StateRecord record)
    {
        var refused = Assert.Throws<StateMismatchException>(() => record.Check(Hardware, places, Tools));
        return (refused.Problem, refused.What);
    }
}
