using System.IO.Pipes;
using System.Text;
using Safes.Linux;

namespace Safes.EndToEnd;

/// <summary>An interactive SSH session that is left standing: it echoes what it is told, from inside the host.</summary>
internal sealed class StandingSession : IDisposable
{
    private readonly Child child;
    private readonly AnonymousPipeServerStream input;
    private readonly StreamReader output;

    private StandingSession(Child child, AnonymousPipeServerStream input, AnonymousPipeServerStream output)
    {
        this.child = child;
        this.input = input;
        this.output = new StreamReader(output);
    }

    public static StandingSession Start(string host, string configuration, string network, IReadOnlyDictionary<string, string> environment)
    {
        var input = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None);
        var output = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        var child = Child.Start(new ChildStart("ssh", ["-F", configuration, host, "while read line; do echo \"heard $line\"; done"])
        {
            Input = input.ClientSafePipeHandle,
            Output = output.ClientSafePipeHandle,
            NetworkNamespace = network,
            Environment = environment,
        });
        input.DisposeLocalCopyOfClientHandle();
        output.DisposeLocalCopyOfClientHandle();
        return new StandingSession(child, input, output);
    }

    /// <summary>Says a word and waits for the answer; false when none came.</summary>
    public async Task<bool> AskAsync(string word, TimeSpan limit)
    {
        await input.WriteAsync(Encoding.UTF8.GetBytes(word + "\n"));
        try
        {
            return await output.ReadLineAsync().WaitAsync(limit) == $"heard {word}";
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        child.KillGroup();
        input.Dispose();
        output.Dispose();
        child.Dispose();
    }
}
