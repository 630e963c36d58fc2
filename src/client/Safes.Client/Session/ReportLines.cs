using System.Buffers;
using System.Text.Json;
using Safes.Client.Reports;
using Safes.Contracts;

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

    /// <summary>The next report; null at the end.</summary>
    internal static async Task<Report?> ReadAsync(Stream from, CancellationToken stop) =>
        await ReadLineAsync(from, stop).ConfigureAwait(false) is { } line ? JsonSerializer.Deserialize(line, ReportJson.Default.Report) : null;

    internal static async Task<byte[]?> ReadLineAsync(Stream from, CancellationToken stop)
    {
        var line = new ArrayBufferWriter<byte>();
        byte[] one = new byte[1];
        while (await from.ReadAsync(one, stop).ConfigureAwait(false) == 1)
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
}
