using Safes.Contracts;
using Safes.Hypervisor.Commands;
using Safes.Hypervisor.Guardian;
using Safes.Linux;

PrintableWriter.Install();
Hardening.Apply();
if (args is ["guard", .. var rest])
{
    return GuardianProcess.Run(rest);
}

return await SafedCommand.RunAsync(args).ConfigureAwait(false);
