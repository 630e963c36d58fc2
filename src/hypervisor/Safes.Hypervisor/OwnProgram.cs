namespace Safes.Hypervisor;

/// <summary>How this program is started once more, as another process of its own.</summary>
internal static class OwnProgram
{
    // Under `dotnet safed.dll` the program of the process is dotnet; in a test's process it is the test.
    public static IEnumerable<string> With(string word) =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath!) switch
        {
            "dotnet" => [Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "safed.dll"), word],
            "safed" => [Environment.ProcessPath!, word],
            _ => [Path.Combine(AppContext.BaseDirectory, "safed"), word],
        };
}
