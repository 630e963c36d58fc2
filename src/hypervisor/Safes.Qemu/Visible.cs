// The benchmarks' baseline starts the same machine by hand; guests' tests look at what is remembered of them.
[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Bench")]
[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Vm.Tests")]
