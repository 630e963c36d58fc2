using System.Buffers.Binary;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Safes.Safed.Tests;

/// <summary>
/// safed as it would have been built from other sources: a copy in which a few instructions are others. So a control needs no switch in the
/// program that is shipped.
/// </summary>
internal static class OtherBuild
{
    private const byte Return = 0x2a, One = 0x17, LoadInt32 = 0x20;

    /// <summary>As on a kernel that has no memfd_secret: secrets lie in locked pages, which root can read.</summary>
    public static void WithoutSecretMemory(string directory) => Patch(directory, "Safes.Linux", "Mman", ["MapSecret", "ProbeSecretMemory"], code =>
    {
        const int memfdSecret = 447, noCall = 32767;
        for (int i = 0; i + 5 <= code.Length; i++)
        {
            if (code[i] == LoadInt32 && BinaryPrimitives.ReadInt32LittleEndian(code[(i + 1)..]) == memfdSecret)
            {
                BinaryPrimitives.WriteInt32LittleEndian(code[(i + 1)..], noCall);
            }
        }
    });

    /// <summary>Without the wipe: buffers that are released stay as they are.</summary>
    public static void WithoutTheWipe(string directory) => Patch(directory, "Safes.Secrets", "SecretBuffer", ["ReleaseHandle"], code =>
    {
        code.Clear();    // to the instruction that does nothing
        (code[^2], code[^1]) = (One, Return);
    });

    /// <summary>A copy of safed and all that it loads; the program in it.</summary>
    public static string Copy(string into, params Action<string>[] changes)
    {
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
        {
            string to = Path.Combine(into, Path.GetRelativePath(AppContext.BaseDirectory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }

        foreach (var change in changes)
        {
            change(into);
        }

        return Path.Combine(into, "safed");
    }

    private delegate void Change(Span<byte> code);

    private static void Patch(string directory, string assembly, string type, string[] methods, Change change)
    {
        string file = Path.Combine(directory, assembly + ".dll");
        byte[] image = File.ReadAllBytes(file), before = [.. image];
        using (var pe = new PEReader(new MemoryStream(before)))
        {
            var metadata = pe.GetMetadataReader();
            foreach (var method in metadata.MethodDefinitions.Select(metadata.GetMethodDefinition).Where(m =>
                methods.Contains(metadata.GetString(m.Name)) && metadata.GetString(metadata.GetTypeDefinition(m.GetDeclaringType()).Name) == type))
            {
                var section = pe.PEHeaders.SectionHeaders[pe.PEHeaders.GetContainingSectionIndex(method.RelativeVirtualAddress)];
                int at = method.RelativeVirtualAddress - section.VirtualAddress + section.PointerToRawData;
                var body = pe.GetMethodBody(method.RelativeVirtualAddress);
                int length = body.GetILBytes()!.Length;
                change(image.AsSpan(at + ((image[at] & 3) == 2 ? 1 : 12), length));    // after a tiny or a fat header
            }
        }

        Assert.NotEqual(before, image);
        File.WriteAllBytes(file, image);
    }
}
