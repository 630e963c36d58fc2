namespace Safes.Qemu.Tests;
