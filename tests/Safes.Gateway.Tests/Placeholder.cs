namespace Safes.Gateway.Tests;
