using System.Text.Json;

namespace Safes.Qemu.Tests;

public sealed class AcceleratorTests
{
    private static readonly Tools Tools = new()
    {
        Qemu = "/q",
        QemuImg = "/i",
        Virtiofsd = ["/v"],
        Kernel = "/k",
        Modules = "/m",
        Busybox = "/b",
        Accelerator = "tcg",
        QemuVersion = "10.0.2",
    };

    private static readonly HostHardware Desk = new("desk", 1, 512L << 20, "52:54:00:53:01:0a", 64210, Guid.NewGuid());

    [Fact]
    public void A_state_saved_under_another_accelerator_is_not_resumed_and_both_are_named()
    {
        var record = new StateRecord
        {
            Host = "desk",
            Generation = 1,
            Digest = "",
            Length = 1,
            Ram = new FileMark(1, 1, 1),
            Disk = new FileMark(2, 1, 1),
            Qemu = "10.0.2",
            Accelerator = "kvm",
            Cpu = "emulated",
            Hardware = Desk.Shape("tcg"),
            SavedUnix = 0,
        };
        Differs(Assert.Throws<StateMismatchException>(() => record.Check(Desk, new HostPlaces("/nowhere", "/nowhere", "/nowhere", "/nowhere"), Tools)));
    }

    [Fact]
    public void An_image_made_under_another_accelerator_makes_no_hosts_and_both_are_named()
    {
        string directory = Directory.CreateTempSubdirectory("safes-bundle-").FullName;
        try
        {
            var manifest = new BundleManifest(
                "debian-13", 512L << 20, 1, 1L << 30, Bundle.Files.ToDictionary(f => f, _ => ""), "10.0.2", "kvm", HostHardware.Machine, "emulated", Desk.Shape("tcg"));
            File.WriteAllBytes(Path.Combine(directory, Bundle.ManifestFile), JsonSerializer.SerializeToUtf8Bytes(manifest, QemuJson.Default.BundleManifest));
            var bundle = Bundle.Open(directory);
            Differs(Assert.Throws<StateMismatchException>(() => bundle.CheckMade(Tools)));
            Differs(Assert.Throws<StateMismatchException>(() => bundle.CheckHardware(Desk, Tools)));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void Differs(StateMismatchException e) =>
        Assert.Equal((StateProblem.Mismatch, "accelerator", "kvm", "tcg"), (e.Problem, e.What, e.Saved, e.Here));
}
