using System.Text.Json;
using Safes.Contracts;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Hypervisor.Commands;

/// <summary>QEMU and what goes with it, as every command of the supplier's finds it.</summary>
internal static class ServerTools
{
    /// <exception cref="FaultException">tool-missing; bad-configuration: tools.json makes no sense.</exception>
    public static async Task<Tools> LoadAsync(string? directory = null)
    {
        try
        {
            return await Tools.LoadAsync(directory).ConfigureAwait(false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or ToolException or LinuxException)
        {
            throw new FaultException(FaultCodes.ToolMissing, ("tool", "QEMU and virtiofsd"), ("detail", e.Message));
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            throw new FaultException(FaultCodes.BadConfiguration, ("why", $"{Path.Combine(Tools.DirectoryOf(directory), "tools.json")}: {e.Message}"));
        }
    }
}
