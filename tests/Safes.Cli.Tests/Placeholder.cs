namespace Safes.Cli.Tests;
