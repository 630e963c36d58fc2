using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
[assembly: InternalsVisibleTo("Safes.Hypervisor.Tests")]
[assembly: InternalsVisibleTo("Safes.Safed.Tests")]
[assembly: InternalsVisibleTo("Safes.Vm.Tests")]
[assembly: InternalsVisibleTo("Safes.Bench")]
