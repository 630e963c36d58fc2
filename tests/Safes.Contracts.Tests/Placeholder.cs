namespace Safes.Contracts.Tests;
