using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
// Each test runs a server of its own and looks at its memory: one at a time.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
