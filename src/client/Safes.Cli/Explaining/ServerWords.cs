using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for what only the supplier can mend, and for faults of ours.</summary>
internal static class ServerWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (NotRoot, f => Told(f, "it needs root on its server")),
        (SafeExists, f => Told(f, "its server has a safe already")),
        (NoSafe, f => Told(f, "its server has no such safe")),
        (QemuOld, f => Told(f, "its QEMU cannot suspend hosts")),
        (PortTaken, f => Told(f, "its port is taken")),
        (AddressesTaken, f => Told(f, "its addresses are taken")),
        (NoNamespaces, f => Told(f, "its server has no namespaces")),
        (ToolMissing, f => f.Has("from")
            ? Told(f, "a program is missing there")
            : new($"{f.Or("tool", "a program")} is not installed here{f.Tail("why")}", "nothing was changed", $"apt install {f.Or("tool", "it")}")),
        (AlreadyRunning, f => Told(f, "its daemon runs twice")),
        (NotRunning, f => Told(f, "its daemon does not run")),
        (Unsuitable, f => Told(f, "its server is not fit for it")),
        (GatewayDown, f => Told(f, "its gateway does not come up")),
        (Internal, f => f.Has("from")
            ? Told(f, "something went wrong at the server")
            : new($"something went wrong here{f.Tail("what", "detail", "why")}", Hint: "this is a fault of `safe`; --verbose tells more")),
        (BadConfiguration, f => Told(f, "its configuration is wrong")),
    ];

    private static Explanation Told(Facts f, string what) =>
        new($"{f.Safe} is not usable: {what}{f.Tail("what", "why", "detail", "tool")}", Hint: "tell the supplier these words");
}
