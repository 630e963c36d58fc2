namespace Safes.Hypervisor.Daemon;

/// <summary>Bounds how many lines of each kind are logged a minute: the log lies on the server's disk, and others can make us write.</summary>
/// <param name="most">Lines of one kind a minute.</param>
public sealed class LineBound(TimeProvider clock, int most)
{
    // More kinds than that at once are one kind.
    private const int MostKinds = 1000;
    private static readonly TimeSpan Span = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly Dictionary<string, Kind> kinds = [];

    /// <summary>Whether one more line may be written.</summary>
    /// <param name="left">How many of that kind were left out since the last one that was written.</param>
    public bool Takes(string kind, out long left)
    {
        lock (gate)
        {
            var now = clock.GetElapsedTime(0);
            if (kinds.Count >= MostKinds && !kinds.ContainsKey(kind))
            {
                foreach (string old in kinds.Where(k => now - k.Value.Since >= Span && k.Value.Left == 0).Select(k => k.Key).ToArray())
                {
                    kinds.Remove(old);
                }

                kind = kinds.Count >= MostKinds ? "" : kind;
            }

            if (!kinds.TryGetValue(kind, out var seen))
            {
                kinds.Add(kind, seen = new Kind { Since = now });
            }

            if (now - seen.Since >= Span)
            {
                (seen.Since, seen.Written) = (now, 0);
            }

            left = seen.Left;
            if (seen.Written >= most)
            {
                seen.Left++;
                return false;
            }

            seen.Written++;
            seen.Left = 0;
            return true;
        }
    }

    private sealed class Kind
    {
        public TimeSpan Since { get; set; }

        public int Written { get; set; }

        public long Left { get; set; }
    }
}
