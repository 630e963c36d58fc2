using Safes.Linux;

namespace Safes.Network;

/// <summary>A network namespace that lives at a file (a pin) and not by any process.</summary>
public static class NetworkNamespace
{
    /// <summary>True when a network namespace is pinned at this file.</summary>
    public static bool Exists(string pin)
    {
        if (!File.Exists(pin))
        {
            return false;
        }

        try
        {
            return Sched.InNetwork(pin, () => true);
        }
        catch (LinuxException e) when (e.Number is Errno.Invalid)
        {
            return false;
        }
    }

    /// <summary>Makes and pins a namespace unless there is one; true when it was made now.</summary>
    public static async Task<bool> EnsureAsync(string pin)
    {
        if (Exists(pin))
        {
            return false;
        }

        await File.WriteAllBytesAsync(pin, []).ConfigureAwait(false);
        Sched.MakeNetwork(pin);
        return true;
    }

    /// <summary>Takes the pin away. The namespace ends with its last process.</summary>
    public static async Task RemoveAsync(string pin)
    {
        while (Exists(pin))
        {
            await Tool.RunAsync("umount", [pin]).ConfigureAwait(false);
        }

        File.Delete(pin);
    }
}
