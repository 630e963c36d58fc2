using Safes.EndToEnd;
using Safes.Linux;

// The main job from beginning to end, on real parts. ./demo shows it to people; ./test counts its facts.
var options = Options.Parse(args);
if (options.Clean)
{
    await Traces.RemoveAsync(options.Home);
    Console.WriteLine("Every trace of the demonstration is gone (packages and cached images stay; ./demo --clean removes the latter too).");
    return 0;
}

if (Unistd.EffectiveUser != 0)
{
    Console.Error.WriteLine("demo: error: this needs root: it makes network namespaces, virtual machines and an encrypted volume");
    return 90;
}

await Traces.RemoveAsync(options.Home);
var stage = new Stage();
using IDisposable told = options switch
{
    { Cuts: > 0 } => new Cuts(options, stage),
    { PowerCuts: > 0 } => new PowerCuts(options, stage),
    { Storage: true } => new BrokenStorage(options, stage),
    _ => new Story(options, stage),
};
try
{
    await (told switch
    {
        Cuts cuts => cuts.HappenAsync(),
        PowerCuts cuts => cuts.HappenAsync(),
        BrokenStorage broken => broken.HappenAsync(),
        _ => ((Story)told).TellAsync(),
    });
}
catch (Exception e) when (e is InvalidOperationException or IOException or TimeoutException)
{
    stage.Fact("the story reaches its end", false, e.Message);
    Console.Error.WriteLine($"demo: note: logs are below {options.Home}; ./demo --clean removes them");
}
finally
{
    if (options.Json is { } file)
    {
        stage.Write(file);
    }
}

stage.Table();
if (options.Keep || stage.Failed > 0)
{
    Story.TellWhatToTry(new World(options), options);
}
else
{
    await Traces.RemoveAsync(options.Home);
}

Console.WriteLine($"{stage.Passed} passed, {stage.Failed} failed");
return stage.Failed == 0 ? 0 : 1;
