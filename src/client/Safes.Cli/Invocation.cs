using System.CommandLine;
using Microsoft.Win32.SafeHandles;
using Safes.Cli.Explaining;
using Safes.Cli.Terminal;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Session;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Cli;

/// <summary>One run of a command: what was given, and what it is shown and asked with.</summary>
internal sealed class Invocation : IDisposable
{
    private readonly ParseResult given;

    private Invocation(ParseResult given)
    {
        this.given = given;
        bool json = given.GetValue(Common.Json);
        Screen = new Screen(Console.Out, Console.Error, IsTerminal(1), json, given.GetValue(Common.Verbose));
        Passwords = new Passwords(given.GetValue(Common.PasswordDescriptor), Interruption);
    }

    private bool told;

    public Interruption Interruption { get; } = new();

    public CancellationToken Stop => Interruption.Token;

    public Screen Screen { get; }

    public Steps Steps => new(Screen.Show);

    public Passwords Passwords { get; }

    public Profiles Profiles { get; } = new(Places.FromEnvironment());

    /// <summary>The exit status of a command that did its work and found something.</summary>
    public int Exit { get; set; }

    /// <summary>The safe that is spoken of, for the words of a fault.</summary>
    public string? SafeName { get; set; }

    public T? Get<T>(Option<T> option) => given.GetValue(option);

    public T? Get<T>(Argument<T> argument) => given.GetValue(argument);

    public SafeProfile OpenProfile(string? named = null)
    {
        string? name = named ?? Get(Common.Safe);
        SafeName = name ?? (Profiles.Names is [var only] ? only : null);
        var profile = Profiles.Open(name);
        SafeName = profile.Name;
        Unusable.CheckSocket(profile.SocketPath);
        return profile;
    }

    /// <summary>The safe that this device holds open. Whoever works in it is told when that ends soon.</summary>
    public async Task<HeldSafe> OpenHeldAsync(SafeProfile profile)
    {
        var held = await HeldSafe.GetAsync(profile, Stop).ConfigureAwait(false);
        if (held.EndsSoon && !Screen.Json && !told)
        {
            told = true;
            await Console.Error.WriteAsync($"safe: note:  {TermWords.Ends(profile.Name, held.Left!.Value, DateTimeOffset.Now)}\n").ConfigureAwait(false);
        }

        return held;
    }

    public static bool IsTerminal(int descriptor)
    {
        using var handle = new SafeFileHandle(descriptor, ownsHandle: false);
        return Unistd.IsTerminal(handle);
    }

    /// <summary>Runs a command and turns what stops it into words and an exit status.</summary>
    public static async Task<int> RunAsync(ParseResult given, Func<Invocation, Task> act)
    {
        using var run = new Invocation(given);
        try
        {
            await act(run).ConfigureAwait(false);
            return run.Interruption.Exit != 0 ? run.Interruption.Exit : run.Exit;
        }
        catch (Exception) when (run.Interruption.Exit != 0)
        {
            return run.Interruption.Exit;
        }
        catch (OperationCanceledException)
        {
            return FaultCodes.Aborted;
        }
        catch (Exception e)
        {
            var fault = Explain.Unexpected(e);
            await Console.Error.WriteAsync(Explain.Text(fault, run.SafeName, run.Screen.Json)).ConfigureAwait(false);
            if (run.Screen.Verbose && e is not FaultException)
            {
                await Console.Error.WriteLineAsync(Printable.Text(e.ToString())).ConfigureAwait(false);
            }

            return fault.Code.Exit;
        }
    }

    public void Dispose()
    {
        Screen.Dispose();
        Interruption.Dispose();
    }
}
