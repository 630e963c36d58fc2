using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>Files into the safe and out of it by `safe put` and `safe get`, past the hosts; one of them ended hard in the middle.</summary>
internal sealed class Carrying(Stage stage, Person person)
{
    private const int Mega = 1 << 20;

    private static readonly TimeSpan Middle = TimeSpan.FromSeconds(2);

    public async Task CarryAsync()
    {
        string kept = Directory.CreateDirectory(person.At("kept")).FullName, large = Path.Combine(kept, "large"), sparse = Path.Combine(kept, "sparse");
        await File.WriteAllBytesAsync(large, RandomNumberGenerator.GetBytes(16 * Mega));
        using (var file = Fcntl.Open(sparse, Fcntl.ReadWrite | Fcntl.Create))
        {
            RandomAccess.SetLength(file, 64 * Mega);
            RandomAccess.Write(file, RandomNumberGenerator.GetBytes(Mega), 30 * Mega);
        }

        await stage.StepAsync("safe put (17 MiB and 63 MiB of holes)", () => person.DoAsync(["put", kept, "/safe/in/"]));
        string[] seen = (await person.WorkAsync("desk.ledger", "cd /safe/in/kept && sha256sum large sparse && stat -c '%n %U %G %a' large && test $(stat -c %b sparse) -lt 8192 && echo sparse")).Split('\n');
        stage.Fact("a host sees the files whole, the member's and the team's, holes as holes",
            seen.SequenceEqual([$"{Digest(large)}  large", $"{Digest(sparse)}  sparse", $"large {person.Name} team 664", "sparse"]), string.Join("; ", seen[2..]));

        string longer = person.At("longer");
        await File.WriteAllBytesAsync(longer, RandomNumberGenerator.GetBytes(64 * Mega));
        await person.SafeAsync(["put", longer, "/safe/in/"], limit: Middle);    // ended hard, wherever it is then
        var again = JsonNode.Parse((await person.SafeAsync(["put", longer, "/safe/in/", "--json"])).Output)!;
        stage.Fact("a put that was killed goes on where it was, and the file is whole",
            (int)again["failed_count"]! == 0 && await person.WorkAsync("desk.ledger", "sha256sum </safe/in/longer") == $"{Digest(longer)}  -", $"{(long)again["sent_bytes"]! / Mega} of 64 MiB were left to send");

        await stage.StepAsync("safe get", () => person.DoAsync(["get", "/safe/in/kept", person.At("back")]));
        stage.Fact("they come back equal", Digest(person.At("back/large")) == Digest(large) && Digest(person.At("back/sparse")) == Digest(sparse));
    }

    private static string Digest(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
