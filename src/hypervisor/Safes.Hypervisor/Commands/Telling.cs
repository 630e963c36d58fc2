using Safes.Linux;

namespace Safes.Hypervisor.Commands;

/// <summary>One line a step, times only where over a second.</summary>
internal sealed class Telling(TextWriter to)
{
    public void Line(string text) => to.WriteLine(text);

    public void Done(string name, string detail) => to.WriteLine($"  ✓ {name,-22} {detail}");

    public async Task<T> StepAsync<T>(string name, string detail, Func<Task<T>> work)
    {
        var begun = BootClock.Now;
        var result = await work().ConfigureAwait(false);
        var took = BootClock.Now - begun;
        Done(name, took < TimeSpan.FromSeconds(1) ? detail : $"{detail}, {took.TotalSeconds:0.0} s");
        return result;
    }
}
