using System.CommandLine;
using Safes.Contracts;
using Safes.Hypervisor.Api;
using Safes.Linux;

namespace Safes.Hypervisor.Commands;

/// <summary>The program `safed` as people call it.</summary>
public static class SafedCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var root = new RootCommand(
            """
            Keeps safes on this server.

            Example:
              safed doctor
              safed init ledger --owner anna.safeid --size 200G --endpoint safe.example.org:51820
              safed run ledger
            """)
        {
            InitCommand.Create(arguments), RunCommand.Create(arguments), StatusCommand.Create(), SealCommand.Create(), StopCommand.Create(arguments),
            ImageCommand.Create(), Doctor.DoctorCommand.Create(),
            new Command("guard", "The guardian; safed starts it.") { Hidden = true },
        };
        Examples.ShowBelowHelp(root);
        return await root.Parse(arguments).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(15) }).ConfigureAwait(false);
    }

    /// <summary>Runs what a command does and finds words for what stops it.</summary>
    internal static async Task<int> GuardAsync(Func<Task<int>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return FaultCodes.Aborted;
        }
        catch (Exception e)
        {
            var fault = FaultMap.Of(e);
            if (fault.Code == FaultCodes.Internal)
            {
                await Console.Error.WriteLineAsync(e.ToString()).ConfigureAwait(false);
            }

            return Explain.To(Console.Error, fault);
        }
    }

    internal static void RequireRoot()
    {
        if (Unistd.EffectiveUser != 0)
        {
            throw new FaultException(FaultCodes.NotRoot);
        }
    }
}
