using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Safes.Volumes;

namespace Safes.Hypervisor.Outside;

/// <summary>
/// The certificate authority under which the proxy looks into TLS where a rule says more than where. Its key exists on the volume alone, and in
/// the proxy host; hosts trust it while a rule is for them.
/// </summary>
internal static class ProxyAuthority
{
    private const string File = "authority.pem";

    private const int Most = 16384, Years = 10;

    /// <summary>The certificate, PEM; it and its key are made when there is none. After a cut there is the whole file or none.</summary>
    public static string Open(VolumeDirectory directory, string safe)
    {
        if (directory.ReadFile(File, Most) is { } there)
        {
            using var found = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(there));
            return found.ExportCertificatePem();
        }

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName($"CN=the proxy of {safe}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var now = DateTimeOffset.UtcNow;
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(Years));
        string certificate = made.ExportCertificatePem();
        directory.WriteFile(File, Encoding.ASCII.GetBytes($"{certificate}\n{key.ExportPkcs8PrivateKeyPem()}\n"));
        return certificate;
    }
}
