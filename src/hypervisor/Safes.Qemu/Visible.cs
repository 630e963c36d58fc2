// The benchmarks' baseline starts the same machine by hand.
[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Bench")]
