namespace Safes.Volumes.Tests;
