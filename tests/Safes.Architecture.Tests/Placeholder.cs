namespace Safes.Architecture.Tests;
