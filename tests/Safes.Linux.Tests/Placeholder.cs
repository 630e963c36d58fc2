namespace Safes.Linux.Tests;
