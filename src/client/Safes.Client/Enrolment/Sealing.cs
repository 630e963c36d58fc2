using Google.Protobuf;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Enrolment;

/// <summary>Puts secrets into a request: sealed to the server's one-time key, bound to both ends, to the roster and to the request.</summary>
internal static class Sealing
{
    internal static ByteString Seal(
        Purpose purpose, SafeId safe, DeviceKeys keys, AddressFile address, OneTimeKeyReply key, ReadOnlySpan<byte> request,
        params ReadOnlySpan<SecretBuffer> secrets)
    {
        bool claim = purpose is Purpose.Claim;
        byte[] aad = OpenAad.Encode(
            purpose, safe, keys.Device, TlsIdentity.Pin(keys.Tls), address.ServerPin, key.PublicKey.Span, claim ? [] : key.Head.Span,
            claim ? 0 : key.Generation, request);
        int length = 0;
        foreach (var secret in secrets)
        {
            length += secret.Length;
        }

        using var message = SecretBuffer.Allocate(length);
        using (var to = message.Borrow())
        {
            int at = 0;
            foreach (var secret in secrets)
            {
                using var from = secret.Borrow();
                from.Span.CopyTo(to.Span[at..]);
                at += from.Span.Length;
            }
        }

        try
        {
            return ByteString.CopyFrom(OneTimeSeal.Seal(key.PublicKey.Span, message, aad));
        }
        catch (MalformedException e)
        {
            throw new FaultException(FaultCodes.BadRequest, ("what", e.What));
        }
    }

    /// <summary>CK, its faults told in the words of the client.</summary>
    internal static SecretBuffer Hash(DeviceKeys keys, SecretBuffer password, SafeId safe)
    {
        try
        {
            return keys.DeriveKey(password, safe);
        }
        catch (NotEnoughMemoryException e)
        {
            throw new FaultException(FaultCodes.NoMemory, ("needed", $"{e.Needed >> 20} MiB"), ("free", $"{e.Free >> 20} MiB"));
        }
        catch (PasswordException e)
        {
            throw e.Flaw switch
            {
                PasswordFlaw.NoUnicode => new FaultException(FaultCodes.NoUnicode),
                PasswordFlaw.Unassigned => new FaultException(FaultCodes.NoPassword, ("what", "that password has characters that Unicode has not assigned yet")),
                _ => new FaultException(FaultCodes.NoPassword, ("what", "that password is not text in UTF-8")),
            };
        }
    }
}
