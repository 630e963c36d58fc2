using Safes.Lifecycle;

namespace Safes.Hypervisor.Tests.Cuts;

/// <summary>
/// The named steps, by what has to be done for safed to come to them. What is named after effects is asked of the lifecycle, so that a new
/// effect is a step by itself.
/// </summary>
internal static class Steps
{
    private static readonly Terms Terms = Daemon.Desk.Terms;
    private static readonly Session Session = new(Daemon.Desk.Id(1), Daemon.Desk.Device(1), TimeSpan.FromSeconds(90), TimeSpan.FromHours(1));

    public static IReadOnlyList<string> Init { get; } =
    [
        "init: directory made", "init: begun", "init: keys written", "init: configuration written", "init: volume made", "init: volume marked", "init: volume named", "init: premises written", "init: network made", "init: gateway up",
        "init: address written", "init: finished",
    ];

    /// <summary>Of every change of the header. Up to the second one the old one counts.</summary>
    public static IReadOnlyList<string> Header { get; } = ["header: intent written", "header: roster written", "header: written", "header: read back", "header: settled"];

    public static IReadOnlyList<string> Roster { get; } = ["roster: marker written", "roster: gateway told"];

    public const string NewSecret = "header: new secret written";

    public static IReadOnlyList<string> Claim { get; } = Of("Claim", SafeLifecycle.Next(new Unclaimed(), new ClaimRequested(TimeSpan.Zero), Terms));

    public static IReadOnlyList<string> Opening { get; } =
    [
        .. Of("Opening", SafeLifecycle.Next(new Closed(), new OpenRequested(TimeSpan.Zero, Session), Terms)),
        .. Of("Open", SafeLifecycle.Next(new Opening(new Work(Session), Terms.Opening), new Performed(TimeSpan.Zero, new LetInside()), Terms)),
    ];

    /// <summary>The same device opens once more; safed is restarted.</summary>
    public static IReadOnlyList<string> Again { get; } = ["Open SetGuardian", "Open ForgetSession"];

    public static IReadOnlyList<string> Restart { get; } = ["Open AdoptHosts", "Open LetInside"];

    public static IReadOnlyList<string> Closing { get; } =
    [
        .. Of("Closing", SafeLifecycle.Next(new Open([Session], null), new SessionEnded(TimeSpan.Zero, Session.Id), Terms)),
        "lock: sync", "lock: remove the key", "lock: look for other mounts", "lock: unmount", "lock: detach the loop device", "lock: drop caches", "lock: verify",
        "Closed DisarmGuardian",
    ];

    /// <summary>Killed here, the next safed cannot know yet that it was closing.</summary>
    public static IReadOnlyList<string> BeforeItIsKnown { get; } = ["Closing AllowDevices", "Closing ForgetSessions"];

    /// <summary>A step of the volume's locking that comes only when something is in the way.</summary>
    public const string Holders = "lock: find what holds it";

    /// <summary>Comes when nobody answers any more.</summary>
    public const string WriteBack = "Open WriteBack";

    /// <summary>Not killed at: what would go on in its place is the server's reboot.</summary>
    public const string Reboot = "Reboot";

    public static IReadOnlyList<string> All { get; } =
        [.. Init, .. Header, NewSecret, .. Roster, .. Claim, .. Opening, .. Again, .. Restart, .. Closing, Holders, WriteBack, Reboot, .. HostSteps.All];

    /// <summary>A quarter of them for every run, the others for the long one.</summary>
    public static IEnumerable<string> Some(IReadOnlyList<string> steps, bool all) => steps.Where((_, i) => all || i % 4 == 3);

    private static IReadOnlyList<string> Of(string state, Transition then) => [.. then.Effects.Select(e => $"{state} {e.Name}").Distinct()];
}
