using Safes.Cli.Commands;
using Safes.Linux;

namespace Safes.Cli.Tests;

/// <summary>How a command line is read, and what is said where it cannot be.</summary>
public sealed class WordsOfACommandLine : IDisposable
{
    private readonly SafeProgram safe = new();

    [Fact]
    public void A_word_that_begins_with_an_at_sign_is_itself_and_no_file_of_words()
    {
        string file = safe.At("words");
        File.WriteAllText(file, "--replace\n/safe/in/\n");
        var parsed = Root.Parse(["put", $"@{file}", "/safe/in/"]);
        Assert.Empty(parsed.Errors);
        Assert.Equal([$"@{file}", "/safe/in/"], parsed.GetValue<string[]>("LOCAL... DEST")!);
        Assert.False(parsed.GetValue<bool>("--replace"));
    }

    [Theory]
    [InlineData("out request --typo /safe/outbox/x --reason y", "safe out request has no option '--typo'")]
    [InlineData("put --typo report.pdf /safe/in/", "safe put has no option '--typo'")]
    [InlineData("get /safe/in -r", "safe get has no option '-r'")]
    [InlineData("open --typo", "safe open has no option '--typo'")]
    [InlineData("status --typo", "safe status has no option '--typo'")]
    [InlineData("host --typo", "safe host has no option '--typo'")]
    [InlineData("ssh desk ls -l -- x", "safe ssh has no option '-l'")]
    [InlineData("out ask", "there is no command 'safe out ask'")]
    [InlineData("opne", "there is no command 'safe opne'")]
    [InlineData("leave now", "safe leave takes no 'now'")]
    [InlineData("out approve x --reason y", "Cannot parse argument 'x'")]
    public void What_cannot_be_meant_is_a_fault_of_the_product_s_own_that_names_it(string typed, string said)
    {
        string[] words = typed.Split(' ');
        var fault = Misuse.Of(Root.Parse(words), words);
        Assert.StartsWith(said, fault!.Details["what"], StringComparison.Ordinal);
        Assert.Contains("--help", fault.Details["hint"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("put -- -odd -- /safe/in/")]
    [InlineData("get -- /safe/-odd -")]
    [InlineData("ssh desk -- ls -l")]
    [InlineData("out request /safe/outbox/x --reason y")]
    [InlineData("put --typo --help")]
    [InlineData("--version")]
    public void Behind_two_dashes_a_word_may_begin_with_one(string typed) => Assert.Null(Misuse.Of(Root.Parse(typed.Split(' ')), typed.Split(' ')));

    [Fact]
    public async Task A_command_line_that_cannot_be_read_leaves_standard_output_to_answers()
    {
        foreach (string typed in (string[])["out ask", "put --typo x /safe/", "host", "host add", "status x --json"])
        {
            var said = await safe.RunAsync(typed.Split(' '));
            Assert.Equal((2, ""), (said.Exit, said.Output));
            Assert.Equal(typed == "host", said.Error.Contains("Usage:", StringComparison.Ordinal));
            Assert.Equal(typed != "host", said.Error.Contains("[usage]", StringComparison.Ordinal) || said.Error.Contains("\"usage\"", StringComparison.Ordinal));
        }
    }

    public void Dispose() => safe.Dispose();
}
