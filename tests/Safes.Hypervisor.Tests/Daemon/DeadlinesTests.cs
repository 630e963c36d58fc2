using Safes.Hypervisor.Effects;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Tests.Daemon;

public sealed class DeadlinesTests
{
    [Theory]
    [InlineData(120)]
    [InlineData(60)]
    [InlineData(30)]
    public void What_closing_may_take_adds_up_to_less_than_the_bound(int bound)
    {
        var terms = new Terms(TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(bound), TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(2), false);
        var deadlines = new Deadlines(terms.Bound, terms.Opening);
        var closing = SafeLifecycle.Next(new Open([new Session(Desk.Id(1), Desk.Device(1), TimeSpan.MaxValue, TimeSpan.MaxValue)], null), new SealRequested(TimeSpan.Zero), terms);
        Assert.True(closing.Effects.Select(deadlines.Of).Aggregate((a, b) => a + b) <= terms.Bound);
    }
}
