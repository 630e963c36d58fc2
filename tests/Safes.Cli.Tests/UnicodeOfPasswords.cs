namespace Safes.Cli.Tests;

/// <summary>A password must become the same key everywhere, also in the program as it was published.</summary>
public sealed class UnicodeOfPasswords : IDisposable
{
    private readonly SafeProgram safe = new();

    [Fact]
    public async Task The_program_normalises_as_unicode_says()
    {
        var result = await safe.RunAsync(["selftest"]);
        Assert.Equal((0, "NFKC: 7 of 7 vectors\n"), (result.Exit, result.Output));
    }

    [Fact]
    public async Task Without_unicode_tables_no_password_is_asked_for()
    {
        // The published program has the mode fixed; there is nothing to switch off.
        Assert.SkipUnless(Environment.GetEnvironmentVariable("SAFE_PROGRAM") is null, "SAFE_PROGRAM is a published one");
        safe.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        Assert.Equal(17, (await safe.RunAsync(["selftest"])).Exit);
        var asked = await safe.RunAsync(["selftest", "--ask"], password: "a password");
        Assert.Equal(17, asked.Exit);
        Assert.Contains("no password was asked for", asked.Error, StringComparison.Ordinal);
    }

    public void Dispose() => safe.Dispose();
}
