using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Safes.Qemu;

/// <summary>A connection to QEMU's monitor (QMP).</summary>
public sealed class Qmp : IAsyncDisposable
{
    /// <summary>Connects and negotiates.</summary>
    public static Task<Qmp> ConnectAsync(string socket, TimeSpan limit) => throw new NotImplementedException();

    /// <summary>Gives a command and its answer's `return`.</summary>
    /// <exception cref="QmpException">QEMU refused, or has gone.</exception>
    /// <exception cref="HungException">No answer within the limit.</exception>
    public Task<JsonElement> CallAsync(string command, JsonObject? arguments = null, TimeSpan? limit = null, SafeHandle? descriptor = null) =>
        throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
