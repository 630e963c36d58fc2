using System.Formats.Cbor;

namespace Safes.Keys;

/// <summary>How the volume is encrypted. What is not listed here is refused, whoever wrote it.</summary>
public sealed record VolumeParameters
{
    private VolumeParameters(string backEnd, ulong contents, ulong names) => (BackEnd, ContentsCipher, NamesCipher) = (backEnd, contents, names);

    /// <summary>fscrypt v2 policy, AES-256-XTS for contents and AES-256-CTS for names.</summary>
    public static VolumeParameters Fscrypt { get; } = new("fscrypt", 1, 4);

    public string BackEnd { get; }

    /// <summary>FSCRYPT_MODE of contents.</summary>
    public ulong ContentsCipher { get; }

    /// <summary>FSCRYPT_MODE of names.</summary>
    public ulong NamesCipher { get; }

    internal static VolumeParameters Read(CborReader reader)
    {
        reader.Array(3);
        var read = new VolumeParameters(reader.Text(32), reader.ReadUInt64(), reader.ReadUInt64());
        reader.ReadEndArray();
        return read == Fscrypt ? Fscrypt : throw new MalformedException(Flaw.OtherVersion, "unknown cipher of the volume");
    }

    internal void Write(CborWriter writer)
    {
        writer.WriteStartArray(3);
        writer.WriteTextString(BackEnd);
        writer.WriteUInt64(ContentsCipher);
        writer.WriteUInt64(NamesCipher);
        writer.WriteEndArray();
    }
}

/// <summary>One device's boxes. <see cref="PasswordBox"/> is null until it has joined.</summary>
public sealed record DeviceBoxes(DeviceId Device, byte[]? PasswordBox, byte[] VolumeKeyBox);

/// <summary>The encrypted part of the header.</summary>
/// <param name="RosterHead">SHA-512 of the roster's newest entry that is in effect.</param>
/// <param name="OldestMarker">
/// The generation that the volume's marker is known to have reached. The header may change while the volume is locked, so the marker
/// may lag behind, but never behind this.
/// </param>
public sealed record HeaderTable(VolumeParameters Volume, byte[] RosterHead, ulong OldestMarker, IReadOnlyList<DeviceBoxes> Devices)
{
    public const int MostDevices = 512;

    public DeviceBoxes? Find(DeviceId device) => Devices.FirstOrDefault(d => d.Device == device);

    internal byte[] Encode()
    {
        var writer = new CborWriter(CborConformanceMode.Canonical);
        writer.WriteStartArray(5);
        writer.WriteTextString("safes/1/table");
        Volume.Write(writer);
        writer.WriteByteString(RosterHead);
        writer.WriteUInt64(OldestMarker);
        writer.WriteStartArray(Devices.Count);
        foreach (var d in Devices)
        {
            writer.WriteStartArray(3);
            writer.WriteByteString(d.Device.ToBytes());
            writer.WriteByteString(d.PasswordBox ?? []);
            writer.WriteByteString(d.VolumeKeyBox);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteEndArray();
        return writer.Encode();
    }

    internal static HeaderTable Decode(byte[] bytes) => CanonicalCbor.Decode(bytes, "header table", r =>
    {
        r.LabelledArray("safes/1/table", 5);
        var volume = VolumeParameters.Read(r);
        byte[] head = r.Bytes(64);
        ulong oldest = r.ReadUInt64();
        var devices = new List<DeviceBoxes>();
        for (int n = r.ArrayUpTo(MostDevices); n > 0; n--)
        {
            r.Array(3);
            var device = DeviceId.Read(r.Bytes(DeviceId.Size));
            byte[] password = r.BytesUpTo(Keys.PasswordBox.Size);
            devices.Add(new DeviceBoxes(device, password.Length switch
            {
                0 => null,
                Keys.PasswordBox.Size => password,
                _ => throw new MalformedException(Flaw.Damaged, "a password box"),
            }, r.Bytes(Keys.VolumeKeyBox.Size)));
            r.ReadEndArray();
        }

        r.ReadEndArray();
        r.ReadEndArray();
        return devices.DistinctBy(d => d.Device).Count() == devices.Count
            ? new HeaderTable(volume, head, oldest, devices)
            : throw new MalformedException(Flaw.Damaged, "a device twice in the header");
    });
}
