using System.Formats.Cbor;
using Safes.Keys;

namespace Safes.Roster;

/// <summary>Who a device is and its public keys: what an id carries and the roster repeats.</summary>
/// <param name="SigningKey">Ed25519, 32 bytes: signs entries of the roster.</param>
/// <param name="TlsPin">SHA-256 of the SPKI of its TLS key.</param>
/// <param name="WireGuardKey">32 bytes.</param>
/// <param name="KemKey">X-Wing, 1216 bytes: what the volume's key is sealed to.</param>
public sealed record DeviceIdentity(
    MemberId Member, string MemberName, DeviceId Device, string DeviceName, byte[] SigningKey, byte[] TlsPin, byte[] WireGuardKey, byte[] KemKey)
{
    internal const int Elements = 8;

    /// <summary>What two people compare by voice.</summary>
    public string Fingerprint => Keys.Fingerprint.Of(SigningKey);

    internal void Write(CborWriter writer)
    {
        writer.WriteByteString(Member.ToBytes());
        writer.WriteTextString(MemberName);
        writer.WriteByteString(Device.ToBytes());
        writer.WriteTextString(DeviceName);
        writer.WriteByteString(SigningKey);
        writer.WriteByteString(TlsPin);
        writer.WriteByteString(WireGuardKey);
        writer.WriteByteString(KemKey);
    }

    internal static DeviceIdentity Read(CborReader reader)
    {
        var read = new DeviceIdentity(
            MemberId.Read(reader.Bytes(MemberId.Size)), reader.Text(Names.Most), DeviceId.Read(reader.Bytes(DeviceId.Size)), reader.Text(Names.Most),
            reader.Bytes(Keys.SigningKey.PublicKeySize), reader.Bytes(TlsIdentity.PinSize), reader.Bytes(Keys.WireGuardKey.Size),
            reader.Bytes(KemKeyPair.PublicKeySize));
        return Names.IsValid(read.MemberName) && Names.IsValid(read.DeviceName)
            ? read
            : throw new MalformedException(Flaw.Damaged, "a name with characters that none may have");
    }
}
