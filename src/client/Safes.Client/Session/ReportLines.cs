using System.Buffers;
using System.Text.Json;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Secrets;

namespace Safes.Client.Session;

/// <summary>Reports as lines between the processes of one person. Read byte by byte: what follows a line may not be a line.</summary>
internal static class ReportLines
{
    private const int Most = 64 * 1024;

    internal static void Write(Stream to, Report report) => to.Write(Line(report));

    internal static async Task WriteAsync(Stream to, Report report, CancellationToken stop)
    {
        await to.WriteAsync(Line(report), stop).ConfigureAwait(false);
        await to.FlushAsync(stop).ConfigureAwait(false);
    }

    private static byte[] Line(Report report) => [.. JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.Report), (byte)'\n'];

    /// <summary>The next report; null at the end, however the other one came to it.</summary>
    internal static async Task<Report?> ReadAsync(Stream from, CancellationToken stop) =>
        await ReadLineAsync(from, stop).ConfigureAwait(false) is { } line ? JsonSerializer.Deserialize(line, ReportJson.Default.Report) : null;

    /// <summary>Shows what a session reports until it has finished, and gives it the password when it asks.</summary>
    /// <returns>False: it ended without a word.</returns>
    /// <exception cref="FaultException">What it failed of.</exception>
    internal static async Task<bool> FollowAsync(Stream from, Action<Report> tell, Func<Task<SecretBuffer>> askPassword, Action<SecretBuffer> send, CancellationToken stop)
    {
        while (await ReadAsync(from, stop).ConfigureAwait(false) is { } report)
        {
            switch (report.Kind)
            {
                case ReportKind.Password:
                    using (var typed = await askPassword().ConfigureAwait(false))
                    {
                        send(typed);
                    }

                    break;
                case ReportKind.Finished:
                    return true;
                case ReportKind.Failed:
                    throw report.ToFault();
                default:
                    tell(report);
                    break;
            }
        }

        return false;
    }

    internal static async Task<byte[]?> ReadLineAsync(Stream from, CancellationToken stop)
    {
        var line = new ArrayBufferWriter<byte>();
        byte[] one = new byte[1];
        while (await ReadByteAsync(from, one, stop).ConfigureAwait(false))
        {
            if (one[0] == '\n')
            {
                return line.WrittenSpan.ToArray();
            }

            line.Write(one);
            if (line.WrittenCount > Most)
            {
                throw new FaultException(FaultCodes.Internal, ("what", "a line between the session and its visitor is too long"));
            }
        }

        return null;
    }

    private static async Task<bool> ReadByteAsync(Stream from, byte[] one, CancellationToken stop)
    {
        try
        {
            return await from.ReadAsync(one, stop).ConfigureAwait(false) == 1;
        }
        catch (IOException)
        {
            return false;   // It was killed with something of ours unread: the kernel calls that a reset.
        }
    }
}
