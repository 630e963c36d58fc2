namespace Safes.Contracts;

/// <summary>
/// The stable codes of every refusal, with the exit status `safe` and `safed` end with. SPECIFICATION lists them for people;
/// a test compares. Libraries give the code and details; one Explain in each program finds the words.
/// </summary>
public sealed record FaultCode(string Code, int Exit)
{
    public override string ToString() => Code;
}

/// <inheritdoc cref="FaultCode"/>
public static class FaultCodes
{
    // the device
    public static readonly FaultCode
        Usage = new("usage", 2), NoProfile = new("no-profile", 10), IdExists = new("id-exists", 11), DamagedFile = new("damaged-file", 12),
        OtherSafe = new("other-safe", 13), OtherVersion = new("other-version", 14), NoPassword = new("no-password", 15),
        NoMemory = new("no-memory", 16), NoUnicode = new("no-unicode", 17), NotConfirmed = new("not-confirmed", 18),
        UnsafePermissions = new("unsafe-permissions", 19), OtherSystem = new("other-system", 3), PlaceUnusable = new("place-unusable", 4);

    // the way to the server
    public static readonly FaultCode
        NoTunnel = new("no-tunnel", 20), NoPrivilege = new("no-privilege", 21), NoServer = new("no-server", 22), WrongServer = new("wrong-server", 23),
        UnknownDevice = new("unknown-device", 24), RosterForked = new("roster-forked", 25), ClockWrong = new("clock-wrong", 26),
        NoFirewall = new("no-firewall", 27), OtherOwner = new("other-owner", 28);

    // opening
    public static readonly FaultCode
        WrongPassword = new("wrong-password", 30), TooManyTries = new("too-many-tries", 31), NotJoined = new("not-joined", 32),
        AlreadyJoined = new("already-joined", 33), Closing = new("closing", 34), FilesBusy = new("files-busy", 35), Faulted = new("faulted", 36),
        Moved = new("moved", 37), Unclaimed = new("unclaimed", 38), NotOpen = new("not-open", 39), NoSession = new("no-session", 40),
        NotOwner = new("not-owner", 41), Expired = new("expired", 42), SessionLost = new("session-lost", 43), BadRequest = new("bad-request", 44),
        OpeningLost = new("opening-lost", 45), SessionBusy = new("session-busy", 46);

    // the volume
    public static readonly FaultCode
        VolumeMissing = new("volume-missing", 50), VolumeTruncated = new("volume-truncated", 51), VolumeForeign = new("volume-foreign", 52),
        VolumeReadOnly = new("volume-read-only", 53), VolumeShared = new("volume-shared", 54), VolumeInUse = new("volume-in-use", 55),
        HeaderDamaged = new("header-damaged", 56), PolicyWrong = new("policy-wrong", 57), MarkerWrong = new("marker-wrong", 58),
        NoRoom = new("no-room", 59), StorageUnreachable = new("storage-unreachable", 60),
        StateReadOnly = new("state-read-only", 61), RunFull = new("run-full", 62);

    // hosts
    public static readonly FaultCode
        HostExists = new("host-exists", 70), HostUnknown = new("host-unknown", 71), HostName = new("host-name", 72), HostMemory = new("host-memory", 73),
        HostDisk = new("host-disk", 74), ImageMissing = new("image-missing", 75), ImageMismatch = new("image-mismatch", 76), ImageDamaged = new("image-damaged", 77),
        HostRunning = new("host-running", 78), HostStopped = new("host-stopped", 79), HostFailed = new("host-failed", 80), PortWrong = new("port-wrong", 81), AlreadyExposed = new("already-exposed", 82), NothingListens = new("nothing-listens", 83),
        LocalPort = new("local-port", 84);

    // members
    public static readonly FaultCode MemberExists = new("member-exists", 85), MemberUnknown = new("member-unknown", 86);

    // the owners' rules
    public static readonly FaultCode RulesDamaged = new("rules-damaged", 87), RuleRefused = new("rule-refused", 88);

    // what hosts reach outside
    public static readonly FaultCode
        Destination = new("destination", 104), PresetUnknown = new("preset-unknown", 105), MethodUnknown = new("method-unknown", 106), TimePast = new("time-past", 107),
        NoResolver = new("no-resolver", 108);

    // the server
    public static readonly FaultCode
        NotRoot = new("not-root", 90), SafeExists = new("safe-exists", 91), NoSafe = new("no-safe", 92), QemuOld = new("qemu-old", 93), PortTaken = new("port-taken", 94),
        NoNamespaces = new("no-namespaces", 95), ToolMissing = new("tool-missing", 96), AlreadyRunning = new("already-running", 97),
        NotRunning = new("not-running", 98), Unsuitable = new("unsuitable", 99), GatewayDown = new("gateway-down", 100), Internal = new("internal", 101),
        BadConfiguration = new("bad-configuration", 102), AddressesTaken = new("addresses-taken", 103);

    // files in and out
    public static readonly FaultCode
        FileUnknown = new("file-unknown", 110), FileExists = new("file-exists", 111), FileName = new("file-name", 112), FileKind = new("file-kind", 113),
        FileChanged = new("file-changed", 114), FileDamaged = new("file-damaged", 115), FileDenied = new("file-denied", 116),
        FileFailed = new("file-failed", 109),
        TransfersBusy = new("transfers-busy", 117), ShareFull = new("share-full", 118), DeviceFull = new("device-full", 119);

    // data out
    public static readonly FaultCode
        NeedsApproval = new("needs-approval", 120), RequestUnknown = new("request-unknown", 121), RequestDecided = new("request-decided", 122),
        RequestOwn = new("request-own", 123), RequestChanged = new("request-changed", 124), NoShell = new("no-shell", 125);

    /// <summary>Ctrl-C and its like.</summary>
    public const int Aborted = 130;

    public static IReadOnlyList<FaultCode> All { get; } =
        [.. typeof(FaultCodes).GetFields(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Static)
            .Where(f => f.FieldType == typeof(FaultCode)).Select(f => (FaultCode)f.GetValue(null)!)];

    public static FaultCode Find(string code) => All.FirstOrDefault(c => c.Code == code) ?? Internal;
}

/// <summary>An expected outcome that stops a request: busy, refused, unreachable. Not for bugs and not for failures of the kernel.</summary>
public sealed class FaultException(FaultCode code, params (string Key, string Value)[] details) : Exception(code.Code)
{
    public FaultCode Code { get; } = code;

    public IReadOnlyDictionary<string, string> Details { get; } = details.ToDictionary(d => d.Key, d => d.Value);
}
