using Safes.Keys;
using Safes.Secrets;

namespace Safes.Roster;

/// <summary>
/// An id (`.safeid`): a device's public keys, signed by the device itself, as text to send by any channel. The fingerprint is what
/// two people compare by voice: of the key that has signed all the rest, so that it is the same wherever this device is spoken of.
/// </summary>
public sealed class IdFile
{
    private const string Kind = "SAFE ID", Label = "safes/1/id";

    private readonly byte[] bytes;

    private IdFile(byte[] bytes, DeviceIdentity identity) => (this.bytes, Identity) = (bytes, identity);

    public DeviceIdentity Identity { get; }

    public string Fingerprint => Identity.Fingerprint;

    public static IdFile Create(DeviceIdentity identity, SecretBuffer signingSeed)
    {
        byte[] signed = Signed.Write(signingSeed, Signed.Body(Label, DeviceIdentity.Elements + 1, identity.Write));
        return Read(signed);
    }

    /// <exception cref="MalformedException">Damaged, or of another version.</exception>
    public static IdFile Parse(string text) => Read(Armour.Read(Kind, text));

    public string Write() => Armour.Write(Kind, bytes);

    private static IdFile Read(byte[] bytes)
    {
        var (body, signature) = Signed.Read(bytes, Kind);
        var identity = CanonicalCbor.Decode(body, Kind, r =>
        {
            r.LabelledArray(Label, DeviceIdentity.Elements + 1);
            var read = DeviceIdentity.Read(r);
            r.ReadEndArray();
            return read;
        });
        return SigningKey.Verify(identity.SigningKey, body, signature)
            ? new IdFile(bytes, identity)
            : throw new MalformedException(Flaw.Damaged, "an id that its device has not signed");
    }
}
