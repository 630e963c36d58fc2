using System.Globalization;
using System.Text;
using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Linux;

namespace Safes.Hypervisor.Guardian;

/// <summary>
/// The deadline that the guardian was given last, in a file that outlives it and safed: where both are killed again and again, nobody
/// begins to count anew. Of another boot it is worth nothing: the key went with the memory.
/// </summary>
internal sealed class KeptDeadline(GuardianOptions options)
{
    private const int MostBytes = 100;

    private readonly FileOperations files = new();

    /// <summary>Null: none of this boot is kept, or what is there cannot be read.</summary>
    public TimeSpan? Read()
    {
        try
        {
            return files.Read(options.Deadline, MostBytes) is { } bytes && Encoding.ASCII.GetString(bytes).Split(' ') is [var boot, var ticks]
                && boot == Machine.BootId && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out long until)
                ? TimeSpan.FromTicks(until)
                : null;
        }
        catch (Exception e) when (e is IOException or MalformedException)
        {
            return null;
        }
    }

    public void Write(TimeSpan until) => files.Replace(options.Deadline, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Machine.BootId} {until.Ticks}")));

    public void Forget() => files.Delete(options.Deadline);
}
