namespace Safes.Lifecycle.Tests;
