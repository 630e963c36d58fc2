using System.Text.Json;
using System.Text.Json.Nodes;
using Safes.Linux;

namespace Safes.Hypervisor.Tests.Formats;

/// <summary>
/// The reader in tests/second-reader, written in another language from SPECIFICATION alone. Questions are collected and put to it all at once.
/// </summary>
internal sealed class SecondReader
{
    private readonly List<(JsonObject Question, Action<JsonElement?> Told)> asked = [];

    private static string Python => Environment.GetEnvironmentVariable("SAFES_PYTHON") ?? "/usr/bin/python3";

    /// <summary>Remembers a question. <paramref name="told"/> gets the value, or null when it was refused.</summary>
    public void Ask(string kind, JsonObject question, Action<JsonElement?> told)
    {
        question["kind"] = kind;
        asked.Add((question, told));
    }

    /// <summary>The same, of bytes.</summary>
    public void Ask(string kind, byte[] bytes, JsonObject more, Action<JsonElement?> told)
    {
        var question = (JsonObject)more.DeepClone();
        question["bytes"] = Hex(bytes);
        Ask(kind, question, told);
    }

    /// <summary>Puts the questions. What the reader needs is in Debian: where it is missing this skips, and in CI fails.</summary>
    public async Task AnswerAsync()
    {
        bool there = File.Exists(Python) && (await Tool.TryAsync(Python, ["-c", "import argon2, cryptography"])).Exit == 0;
        if (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.SkipUnless(there, $"needs {Python}, python3-cryptography and python3-argon2");
        }

        Assert.True(there, $"no {Python} with python3-cryptography and python3-argon2");
        string questions = string.Concat(asked.Select(a => a.Question.ToJsonString() + "\n"));
        var said = await Tool.TryAsync(
            Python, ["-B", "-m", "safes_reader"], questions, limit: TimeSpan.FromSeconds(100),
            environment: new Dictionary<string, string> { ["PYTHONPATH"] = Path.Combine(AppContext.BaseDirectory, "second-reader"), ["LC_ALL"] = "C.UTF-8" });
        Assert.True(said.Exit == 0, said.Error);
        string[] answers = said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(asked.Count, answers.Length);
        foreach (var (answer, (question, told)) in answers.Zip(asked))
        {
            var read = JsonDocument.Parse(answer).RootElement;
            Assert.False(read.TryGetProperty("crashed", out var crash), $"{crash} at {question}");
            told(read.TryGetProperty("value", out var value) ? value : null);
        }
    }

    public static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
