using System.Buffers.Text;
using System.IO.Pipes;
using Safes.Linux;
using Safes.Secrets;

namespace Safes.Client.Tunnel;

/// <summary>Writes WireGuard's configuration with the private key in it, without the key ever being a string.</summary>
internal static class WireGuardKeyText
{
    /// <summary>Of 32 bytes in base64.</summary>
    private const int Length = 44;

    /// <summary>The text, its one <c>{key}</c> replaced by the private key.</summary>
    internal static SecretBuffer Fill(string template, SecretBuffer privateKey)
    {
        int at = template.IndexOf("{key}", StringComparison.Ordinal);
        byte[] before = System.Text.Encoding.UTF8.GetBytes(template[..at]), after = System.Text.Encoding.UTF8.GetBytes(template[(at + 5)..]);
        var filled = SecretBuffer.Allocate(before.Length + Length + after.Length);
        using var to = filled.Borrow();
        using var key = privateKey.Borrow();
        before.CopyTo(to.Span);
        Base64.EncodeToUtf8(key.Span, to.Span.Slice(before.Length, Length), out _, out _);
        after.CopyTo(to.Span[(before.Length + Length)..]);
        return filled;
    }

    /// <summary>Runs <c>wg setconf</c> with the filled text on descriptor 3.</summary>
    internal static async Task SetAsync(string interfaceName, string template, SecretBuffer privateKey)
    {
        using var text = Fill(template, privateKey);
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None);
        using var output = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        using var child = Child.Start(new ChildStart("wg", ["setconf", interfaceName, "/dev/fd/3"])
        {
            Descriptors = [pipe.ClientSafePipeHandle],
            Error = output.ClientSafePipeHandle,
        });
        pipe.DisposeLocalCopyOfClientHandle();
        output.DisposeLocalCopyOfClientHandle();
        using (var bytes = text.Borrow())
        {
            Unistd.Write(pipe.SafePipeHandle, bytes.Span);
        }

        await pipe.DisposeAsync().ConfigureAwait(false);
        using var reader = new StreamReader(output);
        var error = reader.ReadToEndAsync();
        if (await child.WaitAsync(TimeSpan.FromSeconds(10)).ConfigureAwait(false) is not 0)
        {
            child.KillGroup();
            throw new ToolException("wg", ["setconf", interfaceName], (await error.ConfigureAwait(false)).Trim(), null);
        }
    }
}
