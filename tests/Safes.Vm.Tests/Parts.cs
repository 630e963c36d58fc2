using System.Security.Cryptography;
using System.Text;
using Safes.Linux;
using Safes.Qemu;

namespace Safes.Vm.Tests;

/// <summary>What the tests' guests are made of, built once and kept under the cache: QEMU, the workspace image, its bundle.</summary>
internal static class Parts
{
    public const long Memory = 512L << 20;

    /// <summary>The source tree.</summary>
    public static readonly string Root = FindRoot();

    private static readonly string Cache = Environment.GetEnvironmentVariable("SAFES_CACHE") ?? "/var/cache/safes";

    /// <summary>Where tools.json lies.</summary>
    public static readonly string ToolsDirectory = Path.Combine(Cache, "tools");

    private static readonly Lazy<Task<Tools>> LazyTools = new(async () =>
    {
        await Tool.RunAsync(Path.Combine(Root, "packaging/tools"), [ToolsDirectory], limit: TimeSpan.FromMinutes(10));
        return await Tools.LoadAsync(ToolsDirectory);
    });

    private static readonly Lazy<Task<Bundle>> LazyBundle = new(async () => await BundleAsync(await LazyTools.Value));

    public static Task<Tools> ToolsAsync() => LazyTools.Value;

    public static Task<Bundle> BundleAsync() => LazyBundle.Value;

    /// <summary>The workspace image, of which the bundle is made.</summary>
    public static async Task<string> ImageAsync() =>
        Environment.GetEnvironmentVariable("SAFES_WORKSPACE_IMAGE") ?? (await Tool.RunAsync(Path.Combine(Root, "images/workspace/build"), [], limit: TimeSpan.FromMinutes(10))).Trim();

    /// <summary>Skips on a desk without root, fails in CI.</summary>
    public static void NeedRoot()
    {
        bool root = Unistd.EffectiveUser == 0;
        Assert.False(!root && Environment.GetEnvironmentVariable("CI") == "true", "needs root");
        Assert.SkipUnless(root, "needs root: guests, volumes, namespaces");
    }

    private static async Task<Bundle> BundleAsync(Tools tools)
    {
        string image = await ImageAsync();
        string[] inputs =
        [
            tools.Stamp, tools.QemuVersion, Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(image, "manifest.json")))),
            new HostHardware("", 1, Memory, "", 0, default).Shape(tools.Accelerator),
            await File.ReadAllTextAsync(Path.Combine(Root, "src/hypervisor/Safes.Qemu/BundleBuilder.cs")),
        ];
        string directory = Path.Combine(
            Cache, "images", $".bundle-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', inputs))))[..16]}");
        if (!File.Exists(Path.Combine(directory, Bundle.ManifestFile)))
        {
            await BundleBuilder.BuildAsync(
                tools, "workspace", image, directory, Memory, 1, s => TestContext.Current.SendDiagnosticMessage($"bundle: {s}"));
        }

        return Bundle.Open(directory);
    }

    private static string FindRoot()
    {
        string? at = AppContext.BaseDirectory;
        while (at is not null && !File.Exists(Path.Combine(at, "Safes.slnx")))
        {
            at = Path.GetDirectoryName(at);
        }

        return at ?? throw new InvalidOperationException("the tests do not lie in the source tree");
    }
}
