namespace Safes.Network;

/// <summary>Settings under /proc/sys/net of a namespace. What a kernel lacks reads as null, and writing it does nothing.</summary>
internal static class Setting
{
    public static string? Read(string? pin, string name) => Ip.In(pin, () => Path(name) is { } file ? File.ReadAllText(file).Trim() : null);

    public static void Write(string? pin, string name, string value) => Ip.In(pin, () =>
    {
        if (Path(name) is { } file)
        {
            File.WriteAllText(file, value);
        }

        return true;
    });

    private static string? Path(string name) => $"/proc/sys/{name}" is var file && File.Exists(file) ? file : null;
}
