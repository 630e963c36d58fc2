using System.Security.Cryptography;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Roster.Tests;

/// <summary>People with devices, and a safe that the first of them founded.</summary>
internal sealed class Team : IDisposable
{
    private readonly List<IDisposable> wiped = [];

    public Team(string owner = "anna")
    {
        Owner = Person(owner);
        var genesis = Genesis.Sign(
            Owner.Signing, Owner.Identity(Seed()), RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(16),
            RandomNumberGenerator.GetBytes(32));
        Roster = SafeRoster.Replay([genesis.Bytes]);
    }

    public DeviceKeys Owner { get; }

    public SafeRoster Roster { get; set; }

    public DeviceKeys Person(string name)
    {
        var keys = DeviceKeys.Generate(name, name + "-laptop");
        wiped.Add(keys);
        return keys;
    }

    public SecretBuffer Seed()
    {
        var seed = KemKeyPair.NewSeed();
        wiped.Add(seed);
        return seed;
    }

    public DeviceKeys Add(string name, bool owner = false)
    {
        var person = Person(name);
        Roster = Roster.Extend(AddMember.Sign(Roster, Owner.Device, Owner.Signing, person.CreateId().Identity, owner));
        return person;
    }

    public void Join(DeviceKeys person) =>
        Roster = Roster.Extend(Rekey.Sign(Roster, person.Device, person.Signing, KemKeyPair.PublicKey(Seed())));

    public void Remove(DeviceKeys person) =>
        Roster = Roster.Extend(RemoveMember.Sign(Roster, Owner.Device, Owner.Signing, person.Member));

    public ReadOnlyMemory<byte>[] Chain() => [.. Roster.Entries.Select(e => e.Bytes)];

    public void Dispose() => wiped.ForEach(w => w.Dispose());
}
