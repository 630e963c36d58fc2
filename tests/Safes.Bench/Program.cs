using Safes.Bench;

// Safes.Bench FOLDER RUNS [NAME..]: measures, writes FOLDER/benchmarks.{json,md}; 1 when a limit is exceeded.
string folder = args[0];
int runs = int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture);
var wanted = Items.All.Where(i => args.Length == 2 || args.Skip(2).Contains(i.Name)).ToArray();
if (wanted.Length == 0)
{
    Console.Error.WriteLine($"bench: error: nothing is called that; there are {string.Join(", ", Items.All.Select(i => i.Name))}");
    return 2;
}

var machine = await ThisMachine.DescribeAsync();
bool failed = false;
foreach (var item in wanted)
{
    if (item.NeedsGuests && Environment.UserName != "root")
    {
        Console.WriteLine($"  · {item.Name}: not measured, needs root");
        continue;
    }

    var results = new List<Measurement>();
    try
    {
        foreach (var result in await item.RunAsync(runs))
        {
            results.Add(result);
            failed |= !result.Within;
            string against = result.Ratio is { } ratio ? $", {ratio:0.00} of {result.Baseline}" : "";
            Console.WriteLine($"  {(result.Within ? "✓" : "✗")} {result.Name,-24} {result.Median:0.0} {result.Unit}{against}   (limit {result.Limit}, n {result.N})");
        }
    }
    catch (Exception e)
    {
        failed = true;
        Console.Error.WriteLine($"bench: error: {item.Name}: {e}");
    }

    new Documents(folder).Add(machine, results);    // one that never ends takes nothing from those before it
}

return failed ? 1 : 0;
