using System.Buffers;
using System.IO.Pipes;
using System.Text;

namespace Safes.Linux;

/// <summary>What a tool printed, bounded to <see cref="Tool.OutputLimit"/> bytes each.</summary>
public sealed record ToolOutput(int Exit, string Output, string Error);

/// <summary>A tool (ip, nft, mkfs ..) failed or took too long.</summary>
public sealed class ToolException(string program, IReadOnlyList<string> arguments, string what, ToolOutput? output)
    : IOException($"{program} {string.Join(' ', arguments)}: {what}{(output?.Error is { Length: > 0 } e ? ": " + e.Trim() : "")}")
{
    public string Program { get; } = program;

    public ToolOutput? Output { get; } = output;
}

/// <summary>Runs a tool to its end, with a limit on time and output. When time is up the whole process group is killed.</summary>
public static class Tool
{
    public const int OutputLimit = 1 << 20;

    public static TimeSpan DefaultLimit { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Runs and demands exit status 0.</summary>
    /// <exception cref="ToolException">Another status, or the limit passed.</exception>
    public static async Task<string> RunAsync(
        string program, IReadOnlyList<string> arguments, string? input = null, string? network = null, TimeSpan? limit = null)
    {
        var output = await TryAsync(program, arguments, input, network, limit).ConfigureAwait(false);
        return output.Exit == 0 ? output.Output : throw new ToolException(program, arguments, $"exit status {output.Exit}", output);
    }

    /// <summary>Runs and gives whatever exit status came.</summary>
    /// <exception cref="ToolException">The limit passed.</exception>
    public static async Task<ToolOutput> TryAsync(
        string program, IReadOnlyList<string> arguments, string? input = null, string? network = null, TimeSpan? limit = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        using var output = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        using var error = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        using var feed = input is null ? null : new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None);
        using var child = Child.Start(new ChildStart(program, arguments)
        {
            Input = feed?.ClientSafePipeHandle,
            Output = output.ClientSafePipeHandle,
            Error = error.ClientSafePipeHandle,
            NetworkNamespace = network,
            Environment = environment ?? ChildStart.DefaultEnvironment,
        });
        output.DisposeLocalCopyOfClientHandle();
        error.DisposeLocalCopyOfClientHandle();
        feed?.DisposeLocalCopyOfClientHandle();
        using var time = new CancellationTokenSource(limit ?? DefaultLimit);
        var (said, complained) = (new Heard(), new Heard());
        var reading = Task.WhenAll(said.ReadAsync(output, time.Token), complained.ReadAsync(error, time.Token));
        try
        {
            if (feed is not null)
            {
                await FeedAsync(feed, input!, time.Token).ConfigureAwait(false);
            }

            int exit = await child.Exited.WaitAsync(time.Token).ConfigureAwait(false);
            // What the tool started may hold its pipes open; the tool itself has ended, so a moment is enough.
            await Task.WhenAny(reading, Task.Delay(500, time.Token)).ConfigureAwait(false);
            return new ToolOutput(exit, said.Text, complained.Text);
        }
        catch (OperationCanceledException)
        {
            child.KillGroup();
            throw new ToolException(program, arguments, $"took over {(limit ?? DefaultLimit).TotalSeconds:0} s and was ended", null);
        }
    }

    private static async Task FeedAsync(AnonymousPipeServerStream feed, string input, CancellationToken stop)
    {
        try
        {
            await feed.WriteAsync(Encoding.UTF8.GetBytes(input), stop).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The tool ended before it read everything: its exit status tells more.
        }
        finally
        {
            await feed.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>What has come through a pipe so far: all of it counts, also when somebody keeps the pipe open.</summary>
    private sealed class Heard
    {
        private readonly ArrayBufferWriter<byte> bytes = new();

        public string Text
        {
            get
            {
                lock (bytes)
                {
                    return Encoding.UTF8.GetString(bytes.WrittenSpan);
                }
            }
        }

        public async Task ReadAsync(Stream from, CancellationToken stop)
        {
            byte[] buffer = new byte[16384];
            int n;
            while ((n = await from.ReadAsync(buffer, stop).ConfigureAwait(false)) > 0)
            {
                lock (bytes)
                {
                    bytes.Write(buffer.AsSpan(0, Math.Min(n, OutputLimit - bytes.WrittenCount)));
                }
            }
        }
    }
}
