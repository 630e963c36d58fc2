namespace Safes.Vm.Tests;

/// <summary>One open volume with the bundle on it, for a class of tests that each add hosts of their own and remove them.</summary>
public sealed class SharedFleet : IAsyncLifetime
{
    internal Fleet Fleet { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Fleet = await Fleet.OpenAsync(9L << 30);

    public ValueTask DisposeAsync() => Fleet?.DisposeAsync() ?? ValueTask.CompletedTask;
}
