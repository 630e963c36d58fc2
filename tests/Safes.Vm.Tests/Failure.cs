namespace Safes.Vm.Tests;

/// <summary>What a failed test leaves for whoever looks into it: console, logs, QMP transcript.</summary>
internal static class Failure
{
    public static async Task KeepAsync(Guest guest)
    {
        var output = TestContext.Current.TestOutputHelper;
        foreach (string file in (string[])[guest.Places.Console, guest.Places.QemuLog, guest.Places.VirtiofsdLog])
        {
            if (File.Exists(file))
            {
                string text = await File.ReadAllTextAsync(file);
                output?.WriteLine($"--- {Path.GetFileName(file)}\n{text[^Math.Min(text.Length, 4000)..]}");
            }
        }

        output?.WriteLine("--- QMP\n" + string.Join('\n', guest.Machine.Qmp.Transcript.TakeLast(60)));
    }
}
