using Safes.Qemu;

namespace Safes.Hypervisor.Hosts;

// What becomes of a host's programs while it runs.
internal sealed partial class VirtualHost
{
    private void Become(bool room)
    {
        string note = Trouble ?? (room ? "" : "no room on the volume to suspend it");
        Become(note.Length == 0 ? HostState.Running : HostState.Degraded, note);
    }

    /// <summary>What has become of its programs while it runs on; null: nothing.</summary>
    private string? Trouble => machine switch
    {
        null => null,
        { ShareLost: true } => "its share is lost: virtiofsd has ended; stop and start it",
        { Qmp.Broken.IsCompleted: false } when clockTrouble is not null => clockTrouble,
        { Qmp.Broken.IsCompleted: true } => "QEMU makes no sense on its monitor: it cannot be suspended; stop and start it",
        _ => null,
    };

    /// <summary>Sees to it that a host that ends by itself is known to have ended, and one that lost a part of it to have.</summary>
    private async Task WatchAsync(VirtualMachine watched, Task<System.Text.Json.JsonElement> shutdown)
    {
        bool maimed = await Task.WhenAny(watched.Ended, watched.ShareEnded, watched.Qmp.Broken).ConfigureAwait(false) != watched.Ended &&
            await Task.WhenAny(watched.Ended, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false) != watched.Ended;
        if (maimed && !expectedToEnd && watched == machine)
        {
            Become(room: true);     // which says what is missing
        }

        await watched.Ended.ConfigureAwait(false);
        if (expectedToEnd || watched != machine)
        {
            return;
        }

        await AloneAsync(async () =>
        {
            if (!expectedToEnd && watched == machine)
            {
                // One that lost its share may have been powered off by a safed that was killed meanwhile: it is to run again at the next open.
                bool asked = !maimed && shutdown is { IsCompletedSuccessfully: true } && shutdown.Result.TryGetProperty("guest", out var guest) && guest.ValueKind is System.Text.Json.JsonValueKind.True;
                await DetachAsync().ConfigureAwait(false);
                if (asked)
                {
                    Define(Definition with { Running = false });
                }

                Become(asked ? HostState.Stopped : HostState.Failed, asked ? "powered off from inside" : "QEMU has ended by itself");
            }
        }).ConfigureAwait(false);
    }
}
