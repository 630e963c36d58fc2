using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
[assembly: InternalsVisibleTo("Safes.Client.Tests")]
[assembly: InternalsVisibleTo("Safes.Safed.Tests")]
[assembly: InternalsVisibleTo("Safes.Vm.Tests")]
