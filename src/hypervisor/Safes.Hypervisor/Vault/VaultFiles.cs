using System.Security.Cryptography;
using System.Text;
using Safes.Contracts;
using Safes.Keys;
using Safes.Linux;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>What `safed init` makes once and nobody changes after.</summary>
internal sealed record VaultFiles(SafeConfiguration Configuration, IdFile Owner, byte[] Init, SecretBuffer Tls, SecretBuffer Gateway)
{
    public const string Attempts = "attempts";

    private const string ConfigurationName = "config.json", OwnerName = "owner.safeid", InitName = "init", TlsName = "tls.key", GatewayName = "gateway.key";

    /// <summary>The configuration is written last: without it there is no safe, and what lies there is made anew.</summary>
    public static void Create(IFileOperations files, string directory, SafeConfiguration configuration, IdFile owner)
    {
        string At(string name) => Path.Combine(directory, name);
        if (files.Read(At(ConfigurationName), int.MaxValue) is not null)
        {
            throw new FaultException(FaultCodes.SafeExists, ("path", directory));
        }

        files.MakeDirectory(directory);
        files.MakeDirectory(At(Attempts));
        if (Path.GetDirectoryName(directory) is { } parent)
        {
            files.SyncDirectory(parent);
        }

        using var secret = SecretBuffer.Random(32);
        using var tls = TlsIdentity.NewKey();
        using var gateway = WireGuardKey.New();
        files.Replace(At("hs.1"), secret);
        files.Replace(At(TlsName), tls);
        files.Replace(At(GatewayName), gateway);
        files.Replace(At(InitName), RandomNumberGenerator.GetBytes(AddressFile.InitSize));
        files.Replace(At(OwnerName), Encoding.UTF8.GetBytes(owner.Write()));
        Failpoint.Reach("init: keys written");
        files.Replace(At(ConfigurationName), configuration.Write());
    }

    /// <exception cref="FaultException"><see cref="FaultCodes.NoSafe"/>, <see cref="FaultCodes.BadConfiguration"/>, <see cref="FaultCodes.DamagedFile"/>.</exception>
    public static VaultFiles Load(IFileOperations files, string directory)
    {
        string At(string name) => Path.Combine(directory, name);
        byte[] json = files.Read(At(ConfigurationName), 64 * 1024) ?? throw new FaultException(FaultCodes.NoSafe, ("path", directory));
        var configuration = SafeConfiguration.Parse(json);
        try
        {
            byte[] owner = files.Read(At(OwnerName), 64 * 1024) ?? throw Missing(At(OwnerName));
            byte[] init = files.Read(At(InitName), AddressFile.InitSize) ?? throw Missing(At(InitName));
            return new VaultFiles(
                configuration, IdFile.Parse(Encoding.UTF8.GetString(owner)), init,
                files.ReadSecret(At(TlsName), TlsIdentity.ScalarSize) ?? throw Missing(At(TlsName)),
                files.ReadSecret(At(GatewayName), WireGuardKey.Size) ?? throw Missing(At(GatewayName)));
        }
        catch (MalformedException e)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("path", directory), ("what", e.What));
        }
    }

    private static FaultException Missing(string path) => new(FaultCodes.DamagedFile, ("path", path), ("what", "missing"));
}
