using Safes.Linux;

namespace Safes.Volumes;

internal static class Privilege
{
    /// <exception cref="VolumeException">NotRoot.</exception>
    internal static void Demand(string target)
    {
        if (Unistd.EffectiveUser != 0)
        {
            throw new VolumeException(VolumeRefusal.NotRoot, target);
        }
    }
}
