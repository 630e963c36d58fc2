namespace Safes.Hypervisor.Tests;
