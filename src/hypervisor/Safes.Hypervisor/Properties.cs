using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Hypervisor.Tests")]
[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Safed.Tests")]
