namespace Safes.Roster.Tests;
