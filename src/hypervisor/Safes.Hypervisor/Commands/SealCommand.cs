using System.CommandLine;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;

namespace Safes.Hypervisor.Commands;

/// <summary>`safed seal`: closes the safe by hand, whoever holds it open.</summary>
internal static class SealCommand
{
    public static Command Create()
    {
        var roots = new Roots(mustExist: true);
        var command = new Command(
            "seal",
            """
            Closes the safe now, whoever holds it open: hosts are suspended, the key is removed. Returns when the kernel says it is closed.

            Example:
              safed seal
            """);
        roots.AddTo(command);
        command.SetAction((parsed, stop) => SafedCommand.GuardAsync(async () =>
        {
            SafedCommand.RequireRoot();
            var paths = roots.Of(parsed);
            return await LocalClient.AskAsync(paths, async client =>
            {
                using var call = client.Seal(new SealRequest(), cancellationToken: stop);
                await foreach (var progress in call.ResponseStream.ReadAllAsync(stop).ConfigureAwait(false))
                {
                    var step = progress.Step;
                    if (step.WaitsFor.Length > 0)
                    {
                        Console.WriteLine($"  … {Printable.Line(step.WaitsFor)} ({step.Milliseconds / 1000} s)");
                    }
                    else if (step.Done)
                    {
                        Console.WriteLine($"  {(step.Fault is null ? '✓' : '!')} {Printable.Line(step.Name)}{(step.Milliseconds > 1000 ? $" {step.Milliseconds / 1000.0:0.0} s" : "")}");
                    }
                }

                Console.WriteLine($"'{paths.Name}' is closed");
                return 0;
            }).ConfigureAwait(false);
        }));
        return command;
    }
}
