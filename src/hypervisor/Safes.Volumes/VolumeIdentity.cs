namespace Safes.Volumes;

/// <summary>Which volume a file must hold: the file system's UUID and the length it was made with. Recorded in the sealed header.</summary>
public sealed record VolumeIdentity(Guid FileSystem, long Bytes);
