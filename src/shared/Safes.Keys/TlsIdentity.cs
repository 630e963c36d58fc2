using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Safes.Secrets;

namespace Safes.Keys;

/// <summary>
/// A P-256 key for TLS, kept as its scalar of 32 bytes. The certificate around it is made anew each time: only the public key is
/// pinned, names and dates mean nothing.
/// </summary>
public static class TlsIdentity
{
    public const int PinSize = 32, ScalarSize = 32;

    public static SecretBuffer NewKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return SecretBuffer.Take(key.ExportParameters(includePrivateParameters: true).D);
    }

    /// <summary>Self-signed, with its private key, good as server and as client.</summary>
    /// <exception cref="MalformedException">Not a scalar of P-256.</exception>
    public static X509Certificate2 Certificate(SecretBuffer scalar, string name)
    {
        using var key = Load(scalar);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(name);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2999, 12, 31, 0, 0, 0, TimeSpan.Zero));
    }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo.</summary>
    public static byte[] Pin(X509Certificate2 certificate) => SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo());

    /// <inheritdoc cref="Pin(X509Certificate2)"/>
    public static byte[] Pin(SecretBuffer scalar)
    {
        using var key = Load(scalar);
        return SHA256.HashData(key.ExportSubjectPublicKeyInfo());
    }

    private static ECDsa Load(SecretBuffer scalar)
    {
        using var lease = scalar.Borrow();
        byte[] d = lease.Span.ToArray();
        try
        {
            return ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = d });
        }
        catch (CryptographicException e)
        {
            throw new MalformedException(Flaw.Damaged, "TLS key", e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(d);
        }
    }
}
