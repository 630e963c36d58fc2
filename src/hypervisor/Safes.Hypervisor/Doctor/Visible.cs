[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Hypervisor.Tests")]
[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Vm.Tests")]
[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Bench")]
