using Safes.Contracts;

namespace Safes.Hypervisor.Commands;

/// <summary>The one place that finds words for the supplier: what happened, what is true now, what to do.</summary>
internal static class Explain
{
    public static int To(TextWriter error, FaultException fault)
    {
        var (what, note, hint) = Words(fault);
        error.WriteLine($"safed: error: {what}  [{fault.Code}]");
        if (note is not null)
        {
            error.WriteLine($"safed: note:  {note}");
        }

        if (hint is not null)
        {
            error.WriteLine($"safed: hint:  {hint}");
        }

        return fault.Code.Exit;
    }

    private static (string What, string? Note, string? Hint) Words(FaultException fault)
    {
        string D(string key) => Printable.Line(fault.Details.GetValueOrDefault(key));
        string Named(string key, string otherwise) => D(key) is { Length: > 0 } value ? value : otherwise;
        return fault.Code.Code switch
        {
            "not-root" => ("safed must run as root", "nothing was changed", "sudo safed …"),
            "safe-exists" => ($"this server has a safe already: {Named("name", "?")}", "nothing was changed; one safe per hypervisor", "use another server"),
            "no-safe" => ($"there is no safe '{Named("name", "?")}' here", null, "safed init makes one"),
            "already-running" => ($"safed runs already for '{Named("name", "?")}'", null, "safed status"),
            "not-running" => ($"safed does not run for '{Named("name", "?")}'", Named("detail", "no process answers"), "systemctl start safed@NAME, or safed run NAME"),
            "port-taken" => ($"the UDP port is taken: {D("detail")}", "nothing was changed", "choose another with --endpoint, or end who listens there"),
            "addresses-taken" => ($"the safe's addresses are taken: {D("why")}{D("detail")}", "nothing was changed", "take them from the other, or set up a safe with others: safed init draws them"),
            "tool-missing" => ($"a program is missing: {D("tool")}", D("detail"), "packaging/tools installs what is needed; safed doctor tells what"),
            "image-missing" => ($"no image at {D("file")}", D("detail"), "build it, and name its directory"),
            "image-damaged" => ($"the image is damaged: {D("detail")}", null, "build it again"),
            "volume-in-use" => ($"there is something at {Named("file", "the volume's place")} already", "it was not touched", "choose another place with --volume"),
            "volume-shared" => ($"{D("file")} lies on storage that others can write", "fscrypt does not protect against who writes the storage", "use a local disk"),
            "volume-read-only" => ($"{D("file")} cannot be written", null, null),
            "state-read-only" => ($"{Named("path", "the state directory")} cannot be written", "nothing was changed; without it no safe opens", "is its disk full of errors, or mounted read-only? mount it writable again, then try again"),
            "run-full" => ($"too little room in {Named("path", "the run directory")}: {D("free")} MiB are free, {D("needed")} MiB are needed", "nothing was opened", "find what fills it: du -x -d 2 /run"),
            "no-room" => ($"not enough room: {Named("detail", D("file"))}", "nothing was changed", "a smaller --size, or more disk"),
            "damaged-file" => ($"{Named("file", "the file")} is damaged: {D("detail")}", "nothing was changed", "ask for it again, and compare its fingerprint"),
            "other-version" => ($"{Named("file", "the file")} is of another version", null, "use the same version of Safes on both sides"),
            "bad-configuration" => ($"the configuration is wrong:\n{Printable.Text(fault.Details.GetValueOrDefault("why"))}", null, null),
            "header-damaged" => ($"the header is damaged: {Named("why", "it opens nothing")}", "the volume was not touched", "restore the state directory from a copy"),
            "no-namespaces" => ($"no namespaces: {D("detail")}", "a container without privileges cannot hold a safe", "safed doctor"),
            "unsuitable" => ($"this server does not do: {D("detail")}", null, "safed doctor"),
            "files-busy" => ($"the safe is still closing: {D("holder")} (pid {D("pid")}) has files open", D("key") == "absent" ? "its key has gone from the kernel; the volume is still attached, and new sessions are refused" : "its key is still in the kernel; new sessions are refused", "end that process; closing goes on by itself"),
            "faulted" => ($"the safe cannot close: {D("detail")}", "its key may still be in the kernel; new sessions are refused", "safed status"),
            "gateway-down" => ($"the gateway does not come up: {D("detail")}", null, $"look at {Named("log", "its console")}"),
            _ => (Named("detail", fault.Code.Code), null, null),
        };
    }
}
