using Safes.Hypervisor.Doctor;

namespace Safes.Hypervisor.Tests.Doctor;

/// <summary>A server laid out in a folder: what /proc and /sys say there.</summary>
internal sealed class OtherServer : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("safes-server-").FullName;

    public OtherServer With(string path, string content)
    {
        string full = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
        return this;
    }

    public Server Look(bool root = true) => new(folder, root, null, "none here");

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
