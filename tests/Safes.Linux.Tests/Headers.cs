using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Safes.Linux.Tests;

/// <summary>Every number, size and offset that Safes.Linux writes down, compared with what this machine's C headers say.</summary>
public sealed class Headers
{
    [Fact]
    public async Task Numbers_are_those_of_the_headers()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "gcc is not installed");
        await CompareAsync(HeaderNumbers.Constants.Select(row => (row.Ours, row.Header, Value(row.Ours))));
    }

    [Fact]
    public void Every_number_has_a_row()
    {
        var ours = typeof(Child).Assembly.GetTypes().Where(t => !t.IsDefined(typeof(CompilerGeneratedAttribute)))
            .SelectMany(t => t.GetFields(All).Where(f => f.IsLiteral && f.FieldType.IsPrimitive && !t.IsEnum).Select(f => $"{Name(t)}.{f.Name}"));
        var missing = ours.Except(HeaderNumbers.Constants.Select(r => r.Ours)).Except(HeaderNumbers.NotOfTheKernel);
        Assert.True(!missing.Any(), "no row in HeaderNumbers for " + string.Join(", ", missing));
    }

    [Fact]
    public async Task Structures_have_the_headers_sizes_and_offsets()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "gcc is not installed");
        var rows = HeaderNumbers.Structures.SelectMany(s =>
        {
            var type = Type(s.Ours);
            string[] theirs = s.Fields.Split(' ');
            FieldInfo[] ours = [.. type.GetFields(All & ~BindingFlags.Static).OrderBy(f => Marshal.OffsetOf(type, f.Name))];
            Assert.True(ours.Length == theirs.Length, $"{s.Ours} has {ours.Length} fields, the row {theirs.Length}");
            return ours.Select((f, i) => ($"{s.Ours}.{f.Name}", $"offsetof({s.Header}, {theirs[i]})", (long)Marshal.OffsetOf(type, f.Name)))
                .Append((s.Ours, $"sizeof({s.Header})", Size(type)));
        });
        await CompareAsync(rows);
    }

    [Fact]
    public void Every_structure_has_a_row()
    {
        var ours = typeof(Child).Assembly.GetTypes()
            .Where(t => t is { IsValueType: true, IsEnum: false, IsLayoutSequential: true } && t.IsNested && !t.IsDefined(typeof(CompilerGeneratedAttribute)))
            .Where(t => t.DeclaringType is { } d && !d.Name.StartsWith('<')).Select(Name);
        Assert.Empty(ours.Except(HeaderNumbers.Structures.Select(r => r.Ours)));
    }

    [Fact]
    public async Task Buffers_are_as_large_as_the_headers_say()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "gcc is not installed");
        await CompareAsync(HeaderNumbers.Buffers.Select(row => (row.Header, row.Header, row.Bytes)));
    }

    private const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static string Name(Type type) => type.DeclaringType is null ? type.Name : $"{Name(type.DeclaringType)}.{type.Name}";

    private static Type Type(string name) => typeof(Child).Assembly.GetType("Safes.Linux." + name.Replace('.', '+'), throwOnError: true)!;

    private static long Size(Type type) =>
        (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    private static long Value(string name)
    {
        int dot = name.LastIndexOf('.');
        var field = Type(name[..dot]).GetField(name[(dot + 1)..], All) ?? throw new InvalidOperationException($"Safes.Linux has no {name}");
        object value = field.GetRawConstantValue()!;
        return value is ulong big ? unchecked((long)big) : Convert.ToInt64(value, CultureInfo.InvariantCulture);
    }

    // One C program prints every expression; the answers come in order.
    private static async Task CompareAsync(IEnumerable<(string Ours, string Header, long Value)> rows)
    {
        var all = rows.ToArray();
        string folder = Directory.CreateTempSubdirectory("safes-headers-").FullName;
        try
        {
            string source = Path.Combine(folder, "numbers.c"), program = Path.Combine(folder, "numbers");
            await File.WriteAllLinesAsync(
                source,
                [
                    "#define _GNU_SOURCE", .. HeaderNumbers.Includes.Select(i => $"#include <{i}>"), .. HeaderNumbers.Newer, "int main(void) {",
                    .. all.Select(r => $"printf(\"%lld\\n\", (long long)({r.Header}));"), "return 0; }",
                ],
                TestContext.Current.CancellationToken);
            await Tool.RunAsync("gcc", ["-w", "-o", program, source]);
            string[] answers = (await Tool.RunAsync(program, [])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(all.Length, answers.Length);
            var wrong = all.Zip(answers).Where(p => p.First.Value != long.Parse(p.Second, CultureInfo.InvariantCulture))
                .Select(p => $"{p.First.Ours} is {p.First.Value}, {p.First.Header} is {p.Second}");
            Assert.True(!wrong.Any(), string.Join('\n', wrong));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
