namespace Safes.Client.Tests;
