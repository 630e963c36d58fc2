namespace Safes.Keys.Tests;
