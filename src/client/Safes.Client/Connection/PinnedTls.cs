using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Safes.Contracts;
using Safes.Keys;

namespace Safes.Client.Connection;

/// <summary>
/// TLS 1.3 to the server, both ends known by the hash of their public key (SPKI, SHA-256): the pin stands for name, date and
/// chain. There is no session resumption, so each connection proves both keys.
/// </summary>
public sealed class PinnedTls(X509Certificate2 mine, ReadOnlyMemory<byte> serverPin)
{
    /// <summary>How long a handshake may take.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(10);

    /// <exception cref="FaultException">wrong-server, or no-server when nobody speaks TLS there.</exception>
    public async Task<SslStream> HandshakeAsync(Stream under, CancellationToken stop)
    {
        bool seen = false, right = false;
        var tls = new SslStream(under, leaveInnerStreamOpen: false);
        try
        {
            using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
            time.CancelAfter(Limit);
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "safes",
                    EnabledSslProtocols = SslProtocols.Tls13,
                    AllowTlsResume = false,
                    ApplicationProtocols = [SslApplicationProtocol.Http2],
                    ClientCertificateContext = SslStreamCertificateContext.Create(mine, null, offline: true),
                    CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                    RemoteCertificateValidationCallback = (_, peer, _, _) =>
                    {
                        seen = true;
                        return right = peer is X509Certificate2 certificate &&
                            CryptographicOperations.FixedTimeEquals(TlsIdentity.Pin(certificate), serverPin.Span);
                    },
                },
                time.Token).ConfigureAwait(false);
            return tls;
        }
        catch (Exception e)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            if (seen && !right)
            {
                throw new FaultException(FaultCodes.WrongServer);
            }

            if (e is AuthenticationException or IOException or SocketException || (e is OperationCanceledException && !stop.IsCancellationRequested))
            {
                throw new FaultException(FaultCodes.NoServer, ("why", seen ? e.Message : "the connection was closed before it said who it is"));
            }

            throw;
        }
    }
}
