using Safes.Gateway;
using Safes.Gateway.Boot;
using Safes.Gateway.Port;

// The first process of the gateway's virtual machine. If it ends, the kernel panics and the machine with it; safed starts another.
if (Environment.ProcessId != 1)
{
    Console.Error.WriteLine("safe-gateway: error: this is the first process of the gateway's virtual machine and nothing else");
    return 2;
}

try
{
    EarlySystem.Prepare();
    Reaper.Start();
    GatewayMachine.DenyEverything();
    new GatewayMachine().Serve(await VirtioPort.OpenAsync("org.safes.gateway"));
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"safe-gateway: error: {e.Message}");
}

return 1;
