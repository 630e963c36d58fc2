if (args is ["guard", .. var rest])
{
    return Safes.Hypervisor.Guardian.GuardianProcess.Run(rest);
}

return 0;
