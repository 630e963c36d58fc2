[assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Safes.Linux.Tests")]
