namespace Safes.Vm.Tests;
