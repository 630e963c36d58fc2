namespace Safes.Network.Tests;
