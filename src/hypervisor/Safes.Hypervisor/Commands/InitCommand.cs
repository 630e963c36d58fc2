using System.CommandLine;
using System.Globalization;
using Safes.Contracts;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Gateway;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Linux;
using Safes.Network;
using Safes.Qemu;
using Safes.Roster;
using Safes.Volumes;

namespace Safes.Hypervisor.Commands;

/// <summary>`safed init`: sets a server up for one team. Makes no key: that is the owner's first join.</summary>
internal static class InitCommand
{
    private sealed record Wish(
        SafePaths Paths, string Owner, long Size, string Endpoint, string Volume, string GatewayImage, IReadOnlyList<string> Images, string Address,
        bool AllowSecond, SafeConfiguration Configuration, int OpeningSeconds);

    public static Command Create(IReadOnlyList<string> arguments)
    {
        var roots = new Roots(mustExist: false);
        var owner = new Option<string>("--owner") { Description = "The id of the member who becomes its owner.", HelpName = "FILE.safeid", Required = true };
        var size = new Option<string>("--size") { Description = "How large the volume is: 200G, 512M.", HelpName = "SIZE", Required = true };
        var endpoint = new Option<string>("--endpoint") { Description = "Where members reach this server: HOST:PORT, UDP.", HelpName = "HOST:PORT", Required = true };
        var volume = new Option<string?>("--volume") { Description = "The volume's file. Default: with the safe's state.", HelpName = "PATH" };
        var gateway = new Option<string>("--gateway-image") { Description = "The gateway's image.", HelpName = "DIR", DefaultValueFactory = _ => "/var/cache/safes/images/gateway" };
        var images = new Option<string[]>("--image")
        {
            Description = "Images that hosts can be made of; one that is not prepared yet is booted once.",
            HelpName = "DIR",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["/var/cache/safes/images/workspace"],
        };
        var address = new Option<string?>("--address") { Description = "Where to write the address. Default: ./NAME.safeaddress", HelpName = "FILE" };
        var reboot = new Option<bool>("--reboot-when-faulted") { Description = "Reboot the server when the key cannot be removed in time." };
        var second = new Option<bool>("--test-allow-second-safe") { Description = "For tests: this server may have another safe.", Hidden = true };
        Option<int?> Seconds(string name, string what) => new(name, $"--{name[7..]}") { Description = $"For tests: {what}.", Hidden = true };
        var lease = Seconds("--test-lease-seconds", "how long a silent session counts");
        var challenge = Seconds("--test-challenge-seconds", "between two challenges");
        var bound = Seconds("--test-bound-seconds", "the longest that closing may take");
        var longest = Seconds("--test-max-session-seconds", "the longest session");
        var opening = Seconds("--test-opening-seconds", "the longest that opening may take");
        var command = new Command(
            "init",
            """
            Sets up a safe for a team: keys of this server, the volume's file, the gateway. No key of the safe exists
            before its owner has joined; nothing on this server can open it.

            Example:
              safed init ledger --owner anna.safeid --size 200G --endpoint safe.example.org:51820
            """)
        {
            owner, size, endpoint, volume, gateway, images, address, reboot, second, lease, challenge, bound, longest, opening,
        };
        roots.AddTo(command);
        command.SetAction((parsed, stop) => SafedCommand.GuardAsync(async () =>
        {
            SafedCommand.RequireRoot();
            var paths = roots.Of(parsed);
            var plain = new SafeConfiguration { Name = "a", Endpoint = "a:1", Volume = "/", VolumeBytes = 0, Network = "" };
            var configuration = new SafeConfiguration
            {
                Name = paths.Name,
                Endpoint = parsed.GetValue(endpoint)!,
                Volume = Path.GetFullPath(parsed.GetValue(volume) ?? Path.Combine(paths.State, "volume")),
                VolumeBytes = Bytes(parsed.GetValue(size)!),
                Network = (await Neighbours.FreeAddressesAsync(paths).ConfigureAwait(false)).Prefix,
                LeaseSeconds = parsed.GetValue(lease) ?? plain.LeaseSeconds,
                ChallengeSeconds = parsed.GetValue(challenge) ?? plain.ChallengeSeconds,
                BoundSeconds = parsed.GetValue(bound) ?? plain.BoundSeconds,
                MaxSessionSeconds = parsed.GetValue(longest) ?? plain.MaxSessionSeconds,
                RebootWhenFaulted = parsed.GetValue(reboot),
            }.Validated();
            var wish = new Wish(
                paths, parsed.GetValue(owner)!, configuration.VolumeBytes, configuration.Endpoint, configuration.Volume,
                Real(parsed.GetValue(gateway)!), [.. parsed.GetValue(images)!.Select(Real)],
                Path.GetFullPath(parsed.GetValue(address) ?? $"{paths.Name}.safeaddress"), parsed.GetValue(second), configuration, parsed.GetValue(opening) ?? 90);
            var id = Check(wish);
            if (PinnedMounts.IsInside(paths))
            {
                return await InitAsync(wish, id, stop).ConfigureAwait(false);
            }

            using var mine = RunLock.Take(paths, null);
            int exit = await PinnedMounts.RunAsync(paths, arguments, stop).ConfigureAwait(false);
            if (exit != 0 && Unfinished.Find(paths.State) is null)
            {
                await PinnedMounts.RemoveAsync(paths).ConfigureAwait(false);
            }

            return exit;
        }));
        return command;
    }

    /// <summary>What can be refused before anything is made.</summary>
    private static IdFile Check(Wish wish)
    {
        if (Roots.Safes(wish.Paths.StateRoot) is [var first, ..] all && (all.Contains(wish.Paths.Name) || !wish.AllowSecond))
        {
            throw new FaultException(FaultCodes.SafeExists, ("name", all.Contains(wish.Paths.Name) ? wish.Paths.Name : first));
        }

        if (Path.Exists(wish.Volume) && Unfinished.Find(wish.Paths.State)?.Volume != wish.Volume)
        {
            throw new FaultException(FaultCodes.VolumeInUse, ("file", wish.Volume));
        }

        Images.GatewayDigest(wish.GatewayImage);
        foreach (string image in wish.Images)
        {
            if (!File.Exists(Path.Combine(image, Bundle.ManifestFile)))
            {
                throw new FaultException(FaultCodes.ImageMissing, ("file", image), ("detail", "it has no manifest.json"));
            }
        }

        try
        {
            return IdFile.Parse(File.ReadAllText(wish.Owner));
        }
        catch (MalformedException e)
        {
            throw new FaultException(e.Flaw == Flaw.OtherVersion ? FaultCodes.OtherVersion : FaultCodes.DamagedFile, ("file", wish.Owner), ("detail", e.Message));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("file", wish.Owner), ("detail", e.Message));
        }
    }

    private static async Task<int> InitAsync(Wish wish, IdFile owner, CancellationToken stop)
    {
        var tools = await ServerTools.LoadAsync().ConfigureAwait(false);
        var say = new Telling(Console.Out);
        say.Line($"Owner: {owner.Identity.MemberName}, fingerprint {owner.Fingerprint}     compare it with {owner.Identity.MemberName}, by voice");
        var images = await PrepareAsync(wish, tools, say).ConfigureAwait(false);
        Vault? vault = null;
        Directory.CreateDirectory(wish.Paths.StateRoot, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (Unfinished.Find(wish.Paths.State) is { } left)
        {
            say.Line($"An earlier init of '{wish.Paths.Name}' was cut short; what it left is taken away.");
            await UndoAsync(wish.Paths, left).ConfigureAwait(false);
        }

        Unfinished.Begin(wish.Paths, wish.Volume);
        try
        {
            Failpoint.Reach("init: begun");
            vault = Vault.Create(wish.Paths.State, wish.Configuration, owner);
            Failpoint.Reach("init: configuration written");
            var volume = new FscryptVolume(Unfinished.Partial(wish.Paths, wish.Volume), wish.Paths.MountPoint);
            var identity = await say.StepAsync("volume file", $"{wish.Size >> 20} MiB, {wish.Volume}", () => volume.CreateAsync(wish.Size)).ConfigureAwait(false);
            Failpoint.Reach("init: volume made");
            Unfinished.Finish(wish.Paths, wish.Volume);
            Failpoint.Reach("init: volume named");
            var users = Neighbours.FreeUsers(wish.Paths);
            new Premises { VolumeId = identity.FileSystem, GatewayImage = wish.GatewayImage, Images = images, OpeningSeconds = wish.OpeningSeconds, FirstUser = users.First }.Write(wish.Paths);
            Failpoint.Reach("init: premises written");
            stop.ThrowIfCancellationRequested();
            using var network = await SafeNetwork.CreateAsync(Premise.NetworkOf(wish.Paths, vault)).ConfigureAwait(false);
            await NetworkNamespace.EnsureAsync(wish.Paths.EmptyPin).ConfigureAwait(false);
            Failpoint.Reach("init: network made");
            string digest = Convert.ToHexStringLower(Images.GatewayDigest(wish.GatewayImage));
            say.Done("gateway image", $"sha256 {digest[..4]}…");
            await say.StepAsync("gateway up", $"udp {GatewayPlan.PublicPort(wish.Endpoint)}", async () =>
            {
                await using var gateway = await GatewayGuest.StartAsync(Premise.GatewayOf(wish.Paths, wish.GatewayImage, users, tools), network, GatewayPlan.Of(vault), stop)
                    .ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);

            Failpoint.Reach("init: gateway up");
            var address = vault.AddressFor(owner.Identity.Device);
            await File.WriteAllTextAsync(wish.Address, address.Write(), stop).ConfigureAwait(false);
            Failpoint.Reach("init: address written");
            Unfinished.End(wish.Paths.State);
            Failpoint.Reach("init: finished");
            say.Line($"Safe '{wish.Paths.Name}' waits for its owner. It has no key yet; nothing on this server can open it.");
            say.Line($"Send this to {owner.Identity.MemberName} (it is not secret):  {Relative(wish.Address)}     fingerprint {address.Fingerprint}");
            say.Line($"Nobody reaches it before its service runs:  systemctl enable --now safed@{wish.Paths.Name}     (or: safed run {wish.Paths.Name})");
            return 0;
        }
        catch (Exception)
        {
            if (Unfinished.Find(wish.Paths.State) is { } begun)
            {
                await UndoAsync(wish.Paths, begun).ConfigureAwait(false);
            }

            throw;
        }
        finally
        {
            vault?.Dispose();
        }
    }

    /// <summary>Images as directories of bundles by name. What was only built is booted once, outside any safe, and saved beside it.</summary>
    private static async Task<Dictionary<string, string>> PrepareAsync(Wish wish, Tools tools, Telling say)
    {
        var prepared = new Dictionary<string, string>();
        foreach (string image in wish.Images)
        {
            string name = ImageCommand.NameOf(image), bundle = image;
            if (!File.Exists(Path.Combine(image, Bundle.State)))
            {
                bundle = ImageCommand.PlaceOf(image, tools);
                if (!File.Exists(Path.Combine(bundle, Bundle.ManifestFile)))
                {
                    await say.StepAsync($"image {name}", "booted once, saved", () => ImageBuild.RunAsync(tools, name, image, bundle)).ConfigureAwait(false);
                }
            }

            var opened = Images.Open(bundle);
            say.Done($"image {opened.Manifest.Name}", $"sha256 {opened.Digest[..4]}…");
            prepared[opened.Manifest.Name] = bundle;
        }

        return prepared;
    }

    /// <summary>A failed init leaves nothing of what it made.</summary>
    private static async Task UndoAsync(SafePaths paths, Unfinished left)
    {
        try
        {
            await StopCommand.EndInsideAsync(paths).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"safed: note:  {e.Message}").ConfigureAwait(false);
        }

        left.Undo(paths);
    }

    /// <summary>Where a link leads now: what it leads to later is not what members were shown.</summary>
    private static string Real(string path)
    {
        var directory = new DirectoryInfo(Path.GetFullPath(path));
        return directory.Exists ? directory.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? directory.FullName : directory.FullName;
    }

    private static string Relative(string path) =>
        Path.GetRelativePath(Environment.CurrentDirectory, path) is var r && r.StartsWith("..", StringComparison.Ordinal) ? path : r;

    private static long Bytes(string text)
    {
        int shift = char.ToUpperInvariant(text.Length > 0 ? text[^1] : ' ') switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        string digits = shift == 0 ? text : text[..^1];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long n) && n > 0 && n <= long.MaxValue >> shift
            ? n << shift
            : throw new FaultException(FaultCodes.BadConfiguration, ("why", $"--size {text}: a number with K, M, G or T"));
    }
}
