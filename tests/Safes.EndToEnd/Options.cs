namespace Safes.EndToEnd;

/// <summary>Where the demonstration's parts are, as ./demo built them.</summary>
internal sealed record Options(
    string Safe, string Safed, string GatewayImage, string WorkspaceImage, string Tools, string Source, string Home, string? Json, bool Clean, bool Keep, bool Thorough, int Cuts, int PowerCuts, bool Storage, int Seed)
{
    public static Options Parse(string[] arguments)
    {
        var given = new Dictionary<string, string>();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            given[name] = name is "--clean" or "--keep" or "--thorough" or "--storage" ? "yes" : arguments[++i];
        }

        string Need(string name) => given.TryGetValue(name, out string? value) ? value : throw new ArgumentException($"{name} is missing: start ./demo instead");
        string Or(string name, string other) => given.GetValueOrDefault(name, other);
        bool clean = given.ContainsKey("--clean");
        return new Options(
            clean ? Or("--safe", "") : Need("--safe"), clean ? Or("--safed", "") : Need("--safed"), Or("--gateway-image", ""), Or("--workspace-image", ""),
            Or("--tools", ""), Or("--source", ""), Or("--home", "/var/tmp/safes-demo"), given.GetValueOrDefault("--json"), clean, given.ContainsKey("--keep"), given.ContainsKey("--thorough"),
            int.Parse(Or("--cuts", "0"), null), int.Parse(Or("--power-cuts", "0"), null), given.ContainsKey("--storage"),
            int.Parse(Or("--seed", $"{Random.Shared.Next(1_000_000)}"), null));
    }
}
