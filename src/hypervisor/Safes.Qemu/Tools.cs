using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;
using Safes.Linux;

namespace Safes.Qemu;

/// <summary>Where QEMU, virtiofsd and what guests boot from lie: tools.json, which packaging/tools writes.</summary>
public sealed record Tools
{
    /// <summary>The environment variable that names the directory, and the directory without it.</summary>
    public const string Variable = "SAFES_TOOLS", DefaultDirectory = "/var/cache/safes/tools";

    // The reader that is generated hands null for a key that is left out.
    [JsonPropertyName("stamp")]
    public string Stamp { get; init => field = value ?? ""; } = "";

    [JsonPropertyName("qemu")]
    public required string Qemu { get; init; }

    [JsonPropertyName("qemuImg")]
    public required string QemuImg { get; init; }

    /// <summary>In addition to <see cref="ChildStart.DefaultEnvironment"/>.</summary>
    [JsonPropertyName("qemuEnvironment")]
    public IReadOnlyDictionary<string, string> QemuEnvironment { get; init => field = value ?? FrozenDictionary<string, string>.Empty; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Before all other arguments.</summary>
    [JsonPropertyName("qemuArguments")]
    public IReadOnlyList<string> QemuArguments { get; init => field = value ?? []; } = [];

    /// <summary>Program and first arguments.</summary>
    [JsonPropertyName("virtiofsd")]
    public required IReadOnlyList<string> Virtiofsd { get; init; }

    /// <summary>A guest kernel (bzImage) with its modules.</summary>
    [JsonPropertyName("kernel")]
    public required string Kernel { get; init; }

    [JsonPropertyName("modules")]
    public required string Modules { get; init; }

    /// <summary>A static busybox.</summary>
    [JsonPropertyName("busybox")]
    public required string Busybox { get; init; }

    /// <summary>"tcg" or "kvm".</summary>
    [JsonPropertyName("accelerator")]
    public required string Accelerator { get; init; }

    /// <summary>QEMU's version, "10.0.2"; asked once by <see cref="LoadAsync"/>.</summary>
    [JsonIgnore]
    public string QemuVersion { get; init; } = "";

    /// <summary>The whole environment of QEMU's programs.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, string> Environment => ChildStart.DefaultEnvironment.Concat(QemuEnvironment).ToDictionary(e => e.Key, e => e.Value);

    /// <summary>Every file and directory of this server that is named here.</summary>
    [JsonIgnore]
    public IEnumerable<string> Paths =>
        new[] { Qemu, QemuImg, Kernel, Modules, Busybox }.Concat(QemuArguments).Concat(Virtiofsd).Concat(QemuEnvironment.Values.SelectMany(v => v.Split(':'))).Where(Path.IsPathRooted);

    /// <summary>The directory that is meant: the one given, else the variable's, else the default.</summary>
    public static string DirectoryOf(string? given) => given ?? System.Environment.GetEnvironmentVariable(Variable) ?? DefaultDirectory;

    /// <summary>What tools.json says; <see cref="QemuVersion"/> is not in it.</summary>
    /// <exception cref="JsonException">It makes no sense.</exception>
    public static Tools Parse(string json, string file = "tools.json") => JsonSerializer.Deserialize(json, QemuJson.Default.Tools) is { Virtiofsd.Count: > 0 } read
        ? read : throw new InvalidDataException($"{file} names no virtiofsd");

    /// <summary>As tools.json.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, QemuJson.Default.Tools);

    /// <summary>Reads tools.json and asks QEMU for its version.</summary>
    /// <exception cref="FileNotFoundException">packaging/tools has not been run.</exception>
    /// <exception cref="ToolException">QEMU does not start.</exception>
    /// <exception cref="JsonException">tools.json makes no sense.</exception>
    public static async Task<Tools> LoadAsync(string? directory = null)
    {
        string file = Path.Combine(DirectoryOf(directory), "tools.json");
        var tools = Parse(await File.ReadAllTextAsync(file).ConfigureAwait(false), file);
        var said = await Tool.TryAsync(tools.Qemu, ["--version"], environment: tools.Environment).ConfigureAwait(false);
        const string Before = "QEMU emulator version ";
        return said.Exit == 0 && said.Output.StartsWith(Before, StringComparison.Ordinal)
            ? tools with { QemuVersion = said.Output[Before.Length..].Split(' ', '\n')[0] }
            : throw new ToolException(tools.Qemu, ["--version"], $"exit status {said.Exit}", said);
    }
}
