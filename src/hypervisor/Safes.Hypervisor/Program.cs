using Safes.Contracts;
using Safes.Hypervisor.Commands;
using Safes.Hypervisor.Guardian;
using Safes.Hypervisor.Within;
using Safes.Linux;

PrintableWriter.Install();
Hardening.Apply();
if (args is ["guard", .. var rest])
{
    return GuardianProcess.Run(rest);
}

if (args is [InsideProcess.Word])
{
    return await InsideProcess.RunAsync().ConfigureAwait(false);
}

return await SafedCommand.RunAsync(args).ConfigureAwait(false);
