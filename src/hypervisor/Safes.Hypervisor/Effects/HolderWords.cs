using Safes.Volumes;

namespace Safes.Hypervisor.Effects;

/// <summary>How a kind of hold is called when its holder is named.</summary>
internal static class HolderWords
{
    public static string Of(HoldKind kind) => kind switch
    {
        HoldKind.WorkingDirectory => "working directory",
        HoldKind.RootDirectory => "root directory",
        HoldKind.OpenFile => "open file",
        HoldKind.Mapping => "mapped file",
        HoldKind.Watch => "watch",
        HoldKind.BoundSocket => "socket",
        HoldKind.SecondMount => "second mount",
        HoldKind.OtherNamespace => "mount in another namespace",
        HoldKind.PinnedNamespace => "pin of a namespace without processes that has it mounted at",
        HoldKind.LoopDevice => "loop device",
        _ => "unseen",
    };
}
