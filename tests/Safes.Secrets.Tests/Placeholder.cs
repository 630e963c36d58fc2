namespace Safes.Secrets.Tests;
