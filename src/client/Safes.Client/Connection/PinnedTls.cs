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
/// <param name="names">ALPN names before "h2": for whom at the other end the connection is.</param>
public sealed class PinnedTls(X509Certificate2 mine, ReadOnlyMemory<byte> serverPin, params IReadOnlyList<SslApplicationProtocol> names)
{
    /// <summary>How long a handshake may take.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The key of the server's part that is always there, where another part of it is meant: it answers itself to names that it does not know.
    /// Empty: there is none.
    /// </summary>
    public ReadOnlyMemory<byte> Resident { get; init; }

    /// <exception cref="FaultException">wrong-server; other-version when the server does not know the names; or no-server when nobody speaks TLS there.</exception>
    public async Task<SslStream> HandshakeAsync(Stream under, CancellationToken stop)
    {
        bool seen = false, right = false, resident = false;
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
                    ApplicationProtocols = [.. names, SslApplicationProtocol.Http2],
                    ClientCertificateContext = SslStreamCertificateContext.Create(mine, null, offline: true),
                    CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                    RemoteCertificateValidationCallback = (_, peer, _, _) =>
                    {
                        seen = true;
                        byte[] pin = peer is X509Certificate2 certificate ? TlsIdentity.Pin(certificate) : [];
                        resident = CryptographicOperations.FixedTimeEquals(pin, Resident.Span);
                        return right = CryptographicOperations.FixedTimeEquals(pin, serverPin.Span);
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
                throw resident && !Resident.IsEmpty ? ServerFault.OtherVersion() : new FaultException(FaultCodes.WrongServer);
            }

            if (e is AuthenticationException or IOException or SocketException || (e is OperationCanceledException && !stop.IsCancellationRequested))
            {
                throw new FaultException(FaultCodes.NoServer, ("why", seen ? e.Message : "the connection was closed before it said who it is"));
            }

            throw;
        }
    }
}
