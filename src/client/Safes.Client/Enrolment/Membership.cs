using Safes.Roster;

namespace Safes.Client.Enrolment;

/// <summary>A roster in words.</summary>
public static class Membership
{
    /// <summary>3 members, 4 devices.</summary>
    public static string Words(SafeRoster roster) => $"{Count(roster.Members.Count, "member")}, {Count(roster.Devices.Count, "device")}";

    /// <summary>What changed between two rosters, the newer one verified to continue the older.</summary>
    public static IReadOnlyList<string> Changes(SafeRoster before, SafeRoster after)
    {
        var told = new List<string>();
        var roster = before;
        foreach (var entry in after.Entries.Skip(before.Count))
        {
            string author = roster.FindDevice(entry.Author) is { } d ? roster.MemberOf(d).Name : "somebody";
            switch (entry)
            {
                case AddMember add:
                    told.Add($"{add.Identity.MemberName} added by {author}{(add.IsOwner ? " as owner" : "")}");
                    break;
                case RemoveMember remove:
                    told.Add($"{roster.FindMember(remove.Member)?.Name ?? "a member"} removed by {author}");
                    break;
                case Rekey:
                    told.Add($"{author} joined");
                    break;
            }

            roster = roster.Extend(entry);
        }

        return told;
    }

    private static string Count(int n, string what) => n == 1 ? $"1 {what}" : $"{n} {what}s";
}
