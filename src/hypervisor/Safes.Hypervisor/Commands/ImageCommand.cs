using System.CommandLine;
using Safes.Hypervisor.Hosts;
using Safes.Qemu;

namespace Safes.Hypervisor.Commands;

/// <summary>`safed image build`: a prepared image out of a built one.</summary>
internal static class ImageCommand
{
    public static Command Create()
    {
        var image = new Argument<string>("IMAGE") { Description = "vmlinuz, initrd.img and disk.qcow2, as images/workspace/build makes them." };
        var output = new Option<string?>("--out") { Description = "The prepared image's directory. Default: beside the image.", HelpName = "DIR" };
        var name = new Option<string?>("--name") { Description = "Its name. Default: the directory's.", HelpName = "NAME" };
        var memory = new Option<int>("--memory") { Description = "Memory of hosts made of it, in MiB.", HelpName = "MIB", DefaultValueFactory = _ => 512 };
        var cpus = new Option<int>("--cpus") { Description = "Processors.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var build = new Command(
            "build",
            """
            Boots an image once, outside any safe, makes it ready and saves it. New hosts are resumed from what comes out.

            Example:
              safed image build /var/cache/safes/images/workspace
            """)
        { image, output, name, memory, cpus };
        build.SetAction((parsed, _) => SafedCommand.GuardAsync(async () =>
        {
            SafedCommand.RequireRoot();
            string from = Path.GetFullPath(parsed.GetValue(image)!);
            var tools = await ServerTools.LoadAsync().ConfigureAwait(false);
            string to = Path.GetFullPath(parsed.GetValue(output) ?? PlaceOf(from, tools));
            var bundle = await new Telling(Console.Out).StepAsync("image", $"{to}", () => ImageBuild.RunAsync(
                tools, parsed.GetValue(name) ?? NameOf(from), from, to, (long)parsed.GetValue(memory) << 20, parsed.GetValue(cpus))).ConfigureAwait(false);
            Console.WriteLine($"sha256 {bundle.Digest}");
            return 0;
        }));
        return new Command(
            "image",
            """
            Images that hosts are made of.

            Example:
              safed image build /var/cache/safes/images/workspace
            """) { build };
    }

    /// <summary>The directory's name without the recipe's hash.</summary>
    public static string NameOf(string image) => Path.GetFileName(image.TrimEnd('/')).Split('-')[0];

    /// <summary>A state fits one QEMU and one accelerator: both are in the name.</summary>
    public static string PlaceOf(string image, Tools tools) => $"{Path.TrimEndingDirectorySeparator(image)}.{tools.QemuVersion}-{tools.Accelerator}";
}
