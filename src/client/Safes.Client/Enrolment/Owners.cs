using Safes.Contracts;
using Safes.Keys;
using Safes.Roster;

namespace Safes.Client.Enrolment;

/// <summary>Who owns a safe, as its signed roster has it, in words that say whether it is oneself. What a server or an address says does not count.</summary>
public static class Owners
{
    /// <summary>Each with the fingerprints of his devices: anna KQ3F-7M2P-9XTA-0D4E.</summary>
    public static IReadOnlyList<string> Of(SafeRoster roster) => [.. roster.Members.Where(m => m.IsOwner).Select(m => Named(roster, m))];

    public static bool Is(SafeRoster roster, DeviceId device) => roster.FindDevice(device) is { } found && roster.MemberOf(found).IsOwner;

    /// <summary>Whether a name that a person typed is an owner's.</summary>
    public static bool IsNamed(SafeRoster roster, string name) =>
        roster.Members.Any(m => m.IsOwner && string.Equals(m.Name, name.Trim(), StringComparison.OrdinalIgnoreCase));

    /// <summary>you are the only owner; you are an owner, with bob F; you are NOT an owner: the owner is bob F.</summary>
    public static string Words(SafeRoster roster, DeviceId device)
    {
        var mine = roster.FindDevice(device);
        string[] others = [.. roster.Members.Where(m => m.IsOwner && m.Id != mine?.Member).Select(m => Named(roster, m))];
        return (Is(roster, device), others.Length) switch
        {
            (true, 0) => "you are the only owner",
            (true, _) => $"you are an owner, with {string.Join(", ", others)}",
            (_, 1) => $"you are NOT an owner: the owner is {others[0]}",
            _ => $"you are NOT an owner: the owners are {string.Join(", ", others)}",
        };
    }

    /// <summary>What a person expected of the owners: to be one himself, or one whose fingerprint he was told.</summary>
    /// <exception cref="FaultException">other-owner.</exception>
    public static void Expect(SafeRoster roster, DeviceId device, bool asOwner, string? fingerprint)
    {
        string owners = string.Join(", ", Of(roster));
        if (asOwner && !Is(roster, device))
        {
            throw new FaultException(FaultCodes.OtherOwner, ("owners", owners), ("expected", "you"));
        }

        if (fingerprint is not null && !roster.Devices.Any(d => roster.MemberOf(d).IsOwner && IsSame(d.Fingerprint, fingerprint)))
        {
            throw new FaultException(FaultCodes.OtherOwner, ("owners", owners), ("expected", fingerprint));
        }
    }

    /// <summary>Of a safe that nobody owns yet, and that this device is about to own.</summary>
    /// <exception cref="FaultException">other-owner: another one was expected.</exception>
    public static void ExpectMyself(string mine, string? fingerprint)
    {
        if (fingerprint is not null && !IsSame(mine, fingerprint))
        {
            throw new FaultException(FaultCodes.OtherOwner, ("owners", $"nobody yet, and would be you ({mine})"), ("expected", fingerprint));
        }
    }

    private static string Named(SafeRoster roster, Member member) =>
        $"{Printable.Line(member.Name)} {string.Join(" and ", roster.Devices.Where(d => d.Member == member.Id).Select(d => d.Fingerprint))}";

    private static bool IsSame(string one, string other) => string.Equals(Plain(one), Plain(other), StringComparison.OrdinalIgnoreCase);

    private static string Plain(string fingerprint) => fingerprint.Replace("-", "", StringComparison.Ordinal).Trim();
}
