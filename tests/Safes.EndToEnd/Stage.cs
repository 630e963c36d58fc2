using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>What the audience sees, and what is kept for programs: steps with times, facts that are right or wrong.</summary>
internal sealed class Stage
{
    private readonly List<(string Name, double Seconds)> times = [];
    private readonly List<(string Name, bool Right, string Seen)> facts = [];
    private readonly TimeSpan start = BootClock.Now;
    private readonly bool terminal = !Console.IsOutputRedirected;

    /// <summary>Everything that the programs printed: an eavesdropper has read it all.</summary>
    public static List<string> Shown { get; } = [];

    /// <summary>Nobody watches: commands are not shown.</summary>
    public static bool Silent { get; set; }

    public int Passed => facts.Count(f => f.Right);

    public int Failed => facts.Count(f => !f.Right);

    public void Chapter(string text)
    {
        Console.WriteLine();
        Console.WriteLine(terminal ? $"\e[1m{text}\e[0m" : text);
    }

    public static void Say(string text) => Console.WriteLine($"  {text}");

    /// <summary>Shows a command as it would be typed, and what it printed.</summary>
    public static void Show(string who, string command, string output)
    {
        Shown.Add($"{command}\n{output}");
        if (Silent)
        {
            return;
        }

        Console.WriteLine($"  {who}$ {command}");
        foreach (string line in output.TrimEnd().Split('\n').Where(l => l.Length > 0))
        {
            Console.WriteLine($"      {line}");
        }
    }

    /// <summary>A step: its time is kept under <paramref name="name"/>, and after three seconds it says that it still goes on.</summary>
    public async Task<T> StepAsync<T>(string name, Func<Task<T>> work)
    {
        TimeSpan begin = BootClock.Now;
        var running = work();
        while (await Task.WhenAny(running, Task.Delay(TimeSpan.FromSeconds(5))) != running)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    .. {name}: {(BootClock.Now - begin).TotalSeconds:0} s"));
        }

        T result = await running;
        times.Add((name, (BootClock.Now - begin).TotalSeconds));
        return result;
    }

    public async Task StepAsync(string name, Func<Task> work) => await StepAsync(name, async () =>
    {
        await work();
        return true;
    });

    /// <summary>States what must be true, with what was seen.</summary>
    public bool Fact(string name, bool right, string seen = "")
    {
        facts.Add((name, right, seen));
        Console.WriteLine($"  {(right ? "✓" : "✗ WRONG:")} {name}{(seen.Length > 0 ? $"   {seen.ReplaceLineEndings(" ").Trim()}" : "")}");
        return right;
    }

    public void Table()
    {
        Chapter("Times");
        foreach (var (name, seconds) in times)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {seconds,8:0.00} s  {name}"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {(BootClock.Now - start).TotalSeconds,8:0.00} s  in all"));
    }

    public void Write(string file)
    {
        var document = new JsonObject
        {
            ["passed"] = Passed,
            ["failed"] = Failed,
            ["facts"] = new JsonArray([.. facts.Select(f => (JsonNode)new JsonObject { ["name"] = f.Name, ["right"] = f.Right, ["seen"] = f.Seen })]),
            ["seconds"] = new JsonArray([.. times.Select(t => (JsonNode)new JsonObject { ["name"] = t.Name, ["seconds"] = Math.Round(t.Seconds, 3) })]),
        };
        File.WriteAllText(file, document.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }
}
