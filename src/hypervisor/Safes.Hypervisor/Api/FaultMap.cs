using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Lifecycle;
using Safes.Linux;
using Safes.Network;
using Safes.Qemu;
using Safes.Volumes;

namespace Safes.Hypervisor.Api;

/// <summary>The one place where what parts throw becomes a fault with a stable code, and a fault becomes a gRPC status.</summary>
public static class FaultMap
{
    public const string Trailer = "fault-bin";

    // Some of it a guest has said. A trailer that is too long would end the connection.
    private const int LongestDetail = 1000;

    public static FaultException Of(Exception e) => e switch
    {
        FaultException f => f,
        AggregateException { InnerExceptions.Count: 1 } a => Of(a.InnerExceptions[0]),
        VolumeException v => new FaultException(Of(v.Reason), ("file", v.Target), ("detail", v.Detail ?? "")),
        NetworkException n => new FaultException(Of(n), ("detail", n.Message)),
        StateMismatchException m => new FaultException(
            m.Problem == StateProblem.Mismatch ? FaultCodes.ImageMismatch : FaultCodes.ImageDamaged, ("what", m.What), ("saved", m.Saved), ("here", m.Here)),
        HungException h => new FaultException(FaultCodes.HostFailed, ("detail", h.Message)),
        EffectHungException { Effect: AttachVolume or LockVolume or CheckVolume or AddKey } h => new FaultException(FaultCodes.StorageUnreachable, ("detail", h.Message)),
        EffectHungException { Effect: AllowDevices } h => new FaultException(FaultCodes.GatewayDown, ("detail", h.Message)),
        LinuxException { Number: Errno.NoSpace } l => new FaultException(FaultCodes.NoRoom, ("detail", l.Message)),
        _ => new FaultException(FaultCodes.Internal, ("detail", e.Message)),
    };

    public static FaultException Of(Refusal refusal, SafeState state) => refusal switch
    {
        Refusal.Unclaimed => new FaultException(FaultCodes.Unclaimed),
        Refusal.AlreadyClaimed => new FaultException(FaultCodes.AlreadyJoined),
        Refusal.NotOpen => new FaultException(FaultCodes.NotOpen),
        Refusal.Opening or Refusal.Closing => new FaultException(FaultCodes.Closing, ("state", state.GetType().Name)),
        Refusal.Faulted => OfFaulted(state),
        _ => new FaultException(FaultCodes.NoSession),
    };

    /// <summary>Why a safe that cannot close refuses: by its holders where they are known.</summary>
    public static FaultException OfFaulted(SafeState state) => state is Faulted { Holders: [var first, ..] all }
        ? new FaultException(
            FaultCodes.FilesBusy, ("holder", first.Command), ("pid", $"{first.Pid}"), ("kind", first.Kind),
            ("key", ((Faulted)state).KeyGone ? "absent" : "present"),
            ("holders", string.Join("; ", all.Select(h => $"{h.Command} (pid {h.Pid}): {h.Kind}"))))
        : new FaultException(FaultCodes.Faulted, ("detail", (state as Faulted)?.What ?? ""));

    public static Contracts.V1.Fault Message(FaultException fault)
    {
        var message = new Contracts.V1.Fault { Code = fault.Code.Code };
        foreach (var (key, value) in fault.Details)
        {
            message.Details[key] = value.Length <= LongestDetail ? value : value[..LongestDetail];
        }

        return message;
    }

    public static RpcException Rpc(FaultException fault) =>
        new(new Status(StatusOf(fault.Code), fault.Code.Code), new Metadata { { Trailer, Message(fault).ToByteArray() } });

    private static StatusCode StatusOf(FaultCode code) =>
        code == FaultCodes.Internal ? StatusCode.Internal
        : code == FaultCodes.BadRequest ? StatusCode.InvalidArgument
        : code == FaultCodes.UnknownDevice || code == FaultCodes.NoSession || code == FaultCodes.NotOwner ? StatusCode.PermissionDenied
        : code == FaultCodes.WrongPassword || code == FaultCodes.TooManyTries ? StatusCode.Unauthenticated
        : StatusCode.FailedPrecondition;

    private static FaultCode Of(VolumeRefusal reason) => reason switch
    {
        VolumeRefusal.NotRoot => FaultCodes.NotRoot,
        VolumeRefusal.Exists or VolumeRefusal.InUse => FaultCodes.VolumeInUse,
        VolumeRefusal.Missing or VolumeRefusal.NotAttached => FaultCodes.VolumeMissing,
        VolumeRefusal.Truncated => FaultCodes.VolumeTruncated,
        VolumeRefusal.Foreign => FaultCodes.VolumeForeign,
        VolumeRefusal.ReadOnly => FaultCodes.VolumeReadOnly,
        VolumeRefusal.SharedStorage => FaultCodes.VolumeShared,
        VolumeRefusal.NoRoom => FaultCodes.NoRoom,
        VolumeRefusal.WrongKey or VolumeRefusal.PolicyWrong or VolumeRefusal.NotRegular or VolumeRefusal.TooLarge => FaultCodes.PolicyWrong,
        VolumeRefusal.Unreachable => FaultCodes.StorageUnreachable,
        _ => FaultCodes.Internal,
    };

    private static FaultCode Of(NetworkException e) => e.Failure switch
    {
        NetworkFailure.PortTaken => FaultCodes.PortTaken,
        NetworkFailure.AddressesTaken => FaultCodes.AddressesTaken,
        _ => FaultCodes.Unsuitable,
    };
}
