using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
[assembly: InternalsVisibleTo("Safes.Qemu.Tests")]

// The benchmarks' baseline starts the same machine by hand; guests' tests look at what is remembered of them.
[assembly: InternalsVisibleTo("Safes.Bench")]
[assembly: InternalsVisibleTo("Safes.Vm.Tests")]
