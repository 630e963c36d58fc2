using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Safes.Contracts;
using Safes.Keys;
using Safes.Secrets;

namespace Safes.Cli.Commands;

/// <summary>
/// What must hold in the program as it was published: in invariant-globalization mode NFKC quietly returns its input, and a
/// member could never open on another computer.
/// </summary>
internal static class SelfTestCommand
{
    private static readonly (string Typed, string Normal)[] Vectors =
    [
        ("\uFB01", "fi"), ("\u212B", "\u00C5"), ("e\u0301", "\u00E9"), ("\uFF41\uFF11", "a1"), ("\u1E9B\u0323", "\u1E69"), ("\u2460", "1"), ("plain", "plain"),
    ];

    public static Command Create()
    {
        var ask = new Option<bool>("--ask");
        var within = new Option<int?>("--within");
        return new Command("selftest", "Test what passwords depend on.") { Hidden = true, Options = { ask, within } }.Does(async run =>
        {
            if (run.Get(ask))
            {
                using var typed = await run.Passwords.AskAsync("selftest", run.Get(within) is { } seconds ? TimeSpan.FromSeconds(seconds) : null).ConfigureAwait(false);
                run.Screen.Say($"{Terminal.PasswordBytes.Characters(typed)} characters");
                return;
            }

            Test(run);
        });
    }

    private static void Test(Invocation run)
    {
        foreach (var (typed, normal) in Vectors)
        {
            using var input = SecretBuffer.Take(Encoding.UTF8.GetBytes(typed));
            using var output = Normalise(input);
            using var bytes = output.Borrow();
            if (!bytes.Span.SequenceEqual(Encoding.UTF8.GetBytes(normal)))
            {
                throw new FaultException(FaultCodes.NoUnicode);
            }
        }

        run.Screen.Say($"NFKC: {Vectors.Length} of {Vectors.Length} vectors");
        run.Screen.Result(new JsonObject { ["nfkc"] = Vectors.Length });
    }

    private static SecretBuffer Normalise(SecretBuffer input)
    {
        try
        {
            return PasswordText.Normalise(input);
        }
        catch (PasswordException)
        {
            throw new FaultException(FaultCodes.NoUnicode);
        }
    }
}
