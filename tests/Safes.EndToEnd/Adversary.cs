using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>What root on the server of a closed safe, or a thief with its disks, has. Every absence has its control.</summary>
internal sealed class Adversary(Stage stage, World world, Server server)
{
    public const string Canary = "CANARY-the-merger-closes-on-friday-4711", Name = "merger-plan-4711.txt";

    /// <summary>The controls: the same detector finds the text where it is readable.</summary>
    public async Task LookWhileOpenAsync()
    {
        string share = Path.Combine($"/proc/{server.Pid}/root", await server.MountPointAsync(), "safe", "share");
        stage.Fact("control: while open, root on the server finds the document in the open tree",
            File.Exists(Path.Combine(share, Name)) && Scan.Count(Path.Combine(share, Name), Canary) == 1, Path.Combine("share", Name));
        await server.LearnKeyAsync();
        stage.Fact("control: while open, the kernel names its key", server.HasKey, "/proc/keys");
        stage.Fact("the storage below holds no plaintext even while open", Scan.Count(world.Volume, Canary) == 0 && Scan.Count(world.Volume, Name) == 0);
        string twin = Path.Combine(world.Home, "twin");
        string tree = Directory.CreateDirectory(Path.Combine(world.Home, "twin.d")).FullName;
        await File.WriteAllTextAsync(Path.Combine(tree, Name), Canary);
        await Tool.RunAsync("mke2fs", ["-q", "-t", "ext4", "-d", tree, twin, "16M"]);
        stage.Fact("control: an unencrypted twin gives both away", Scan.Count(twin, Canary) > 0 && Scan.Count(twin, Name) > 0);
    }

    public async Task LookAsync()
    {
        stage.Chapter("4  What an adversary has now");
        string status = await server.DoAsync(["status", "ledger"]);
        stage.Fact("safed says closed, by what the kernel says", status.Contains("closed", StringComparison.OrdinalIgnoreCase));
        stage.Fact("its key is not in the kernel", !server.HasKey, "/proc/keys");
        stage.Fact("no virtual machine runs but the gateway", Processes("qemu-system") == 1 && Processes("virtiofsd") == 0,
            $"{Processes("qemu-system")} QEMU, {Processes("virtiofsd")} virtiofsd");
        stage.Fact("nothing of the volume is mounted in any namespace", !Mounted(), "every /proc/*/mountinfo");
        string loops = await Tool.RunAsync("losetup", ["--associated", world.Volume]);
        stage.Fact("no loop device holds it", loops.Trim().Length == 0, loops);
        int inVolume = await stage.StepAsync("raw scan of the storage", () => Task.Run(() => Scan.Count(world.Volume, Canary) + Scan.Count(world.Volume, Name)));
        stage.Fact("a raw scan of the storage finds neither the document nor its name", inVolume == 0);
        int inState = Scan.CountBelow(world.StateRoot, Canary) + Scan.CountBelow(world.RunRoot, Canary) + Scan.Count(Path.Combine(world.Home, "safed.log"), Canary);
        stage.Fact("nor does one of the server's own files and logs", inState == 0);
        await TryToReadAsync();
    }

    /// <summary>Root mounts the closed volume by hand, read only, in a namespace that ends with the attempt.</summary>
    private async Task TryToReadAsync()
    {
        string point = Directory.CreateDirectory(Path.Combine(world.Home, "stolen")).FullName;
        var attempt = await Tool.TryAsync("unshare", ["--mount", "--propagation", "private", "sh", "-c", $"""
            mount -o ro,noload,loop '{world.Volume}' '{point}' || exit 1
            find '{point}' -mindepth 2 -maxdepth 3 | head -n 5
            f=$(find '{point}/safe' -type f | head -n 1)
            head -c 16 "$f" >/dev/null 2>&1 && echo READABLE || echo "cannot read $f"
            echo "$(find '{point}' -name '{Name}' | wc -l) by name"
            """]);
        Stage.Show("root", "mount -o ro,loop ledger.volume /mnt; ls -R /mnt", attempt.Output.Replace(world.Home + "/", "", StringComparison.Ordinal) + attempt.Error);
        stage.Fact("root mounts it by hand and sees ciphertext names only, reading is refused by the kernel",
            attempt.Exit == 0 && attempt.Output.Contains("cannot read", StringComparison.Ordinal) && attempt.Output.Contains("0 by name", StringComparison.Ordinal));
        for (int i = 0; i < 50 && (await Tool.RunAsync("losetup", ["--associated", world.Volume])).Length > 0; i++)
        {
            await Task.Delay(100);      // the kernel detaches the adversary's loop device after the unmount
        }
    }

    private bool Mounted() =>
        Proc.All().SelectMany(pid => Proc.Text(pid, "mountinfo").Split('\n'))
            .Any(l => l.Contains(world.Home, StringComparison.Ordinal) && l.Contains(" ext4 /dev/loop", StringComparison.Ordinal));

    /// <summary>How many processes of a program live in the safe's mount namespace, where all of its children are born.</summary>
    private int Processes(string program)
    {
        string inside = Proc.Text(server.Pid, "mountinfo");
        return Proc.All().Count(pid => Proc.CommandLine(pid).Split(' ')[0].Contains(program, StringComparison.Ordinal) && Proc.Text(pid, "mountinfo") == inside);
    }
}
