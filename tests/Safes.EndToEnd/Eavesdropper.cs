using Safes.Roster;

namespace Safes.EndToEnd;

/// <summary>Who sat on the gateway's links all day, and read everything that was printed and mailed.</summary>
internal sealed class Eavesdropper(Stage stage, World world, Options options, string[] secrets)
{
    /// <summary>Exit statuses, as the specification has them.</summary>
    private const int NoTunnel = 20, WrongPassword = 30;

    public async Task ListenedAsync(Capture capture, Person[] members)
    {
        stage.Chapter($"{(options.Thorough ? 7 : 6)}  Who listened to everything");
        await capture.StopAsync();
        stage.Fact("control: the record of the gateway's links has the members' SSH in it", Scan.Count(capture.File, "SSH-2.0-") > 0,
            $"{new FileInfo(capture.File).Length >> 10} KiB");
        string[] hidden = [.. secrets, Adversary.Canary, Adversary.Name];
        stage.Fact("no password, document or file name passed the gateway in the clear", hidden.All(s => Scan.Count(capture.File, s) == 0));

        string[] mailed = [.. members.SelectMany(m => Directory.EnumerateFiles(m.Home, "*.safe*")).Select(File.ReadAllText)];
        stage.Fact("nothing that was printed or mailed in enrolment is a secret",
            mailed.Length >= 4 && Stage.Shown.Concat(mailed).All(t => secrets.All(s => !t.Contains(s, StringComparison.Ordinal))), $"{mailed.Length} files");
        var eve = new Person(world, options, "eve", "whatever eve likes best");
        await eve.DoAsync(["id", "--name", "bob", "--device", "desktop", "--out", eve.At("bob.safeid")]);
        var tried = await eve.SafeAsync(["join", members[1].At("ledger.safeaddress"), "--yes"], secret: true);
        Stage.Show("eve", "safe join ledger.safeaddress      (bob's, with an id of her own)", tried.Output + tried.Error);
        stage.Fact("whoever reads all of it becomes no member", tried.Exit is not 0 && !tried.Output.Contains("joined", StringComparison.Ordinal), $"exit {tried.Exit}");
        if (options.Thorough)
        {
            await InAnothersPlaceAsync(eve, members[1]);
        }
    }

    /// <summary>A member's address, rewritten for keys of her own: his place in the network, at the gateway that he has.</summary>
    private async Task InAnothersPlaceAsync(Person eve, Person member)
    {
        string forged = eve.At("forged.safeaddress");
        var own = IdFile.Parse(await File.ReadAllTextAsync(eve.At("bob.safeid"))).Identity;
        var address = AddressFile.Parse(await File.ReadAllTextAsync(member.At("ledger.safeaddress")));
        await File.WriteAllTextAsync(forged, (address with { Device = own.Device }).Write());
        var tried = await eve.SafeAsync(["join", forged, "--yes"], secret: true);
        Stage.Show("eve", "safe join ledger.safeaddress      (bob's, rewritten for her id)", tried.Output + tried.Error);
        stage.Fact("from bob's own address in the network, with keys of her own, she has no tunnel", tried.Exit == NoTunnel, $"exit {tried.Exit}");
        var guest = new Person(world, options, member.Name, "not his password at all", at: eve.Name);
        var asked = await guest.SafeAsync(["open", "ledger"], secret: true);
        stage.Fact("control: from where she is bob's device has one, and his password is wanted", asked.Exit == WrongPassword, $"exit {asked.Exit}");
    }
}
