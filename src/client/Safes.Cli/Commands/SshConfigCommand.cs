using System.CommandLine;
using System.Text.Json.Nodes;
using Safes.Client.Ssh;

namespace Safes.Cli.Commands;

internal static class SshConfigCommand
{
    public static Command Create()
    {
        var install = new Option<bool>("--install") { Description = "Put the line into ~/.ssh/config" };
        return new Command("ssh-config", "What plain ssh needs to find hosts by name.") { install }.With("safe ssh-config --install").Does(run =>
        {
            var places = run.Profiles.Places;
            string home = Environment.GetEnvironmentVariable("HOME") ?? "/", line = SshFiles.IncludeLine(places);
            bool before = SshFiles.IsInstalled(places, home);
            if (run.Get(install))
            {
                SshFiles.Install(places, home);
                run.Screen.Show(new Client.Reports.Report(Client.Reports.ReportKind.Done, "ssh", $"{SshFiles.UserConfiguration(home)} {(before ? "has the line already" : "has the line now")}: {line}"));
            }
            else
            {
                run.Screen.Say(line);
            }

            run.Screen.Result(new JsonObject { ["line"] = line, ["file"] = SshFiles.UserConfiguration(home), ["installed"] = before || run.Get(install) });
            return Task.CompletedTask;
        });
    }
}
