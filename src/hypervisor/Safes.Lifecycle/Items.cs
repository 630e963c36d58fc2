using System.Collections;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Safes.Lifecycle;

/// <summary>An immutable list that is equal to another one with the same elements, so that states can be compared.</summary>
[CollectionBuilder(typeof(Items), nameof(Items.Create))]
public readonly struct Items<T>(ImmutableArray<T> all) : IReadOnlyList<T>, IEquatable<Items<T>>
{
    private ImmutableArray<T> All => all.IsDefault ? [] : all;

    public int Count => All.Length;

    public bool IsEmpty => All.IsEmpty;

    public T this[int index] => All[index];

    public Items<T> Where(Func<T, bool> keep) => new([.. All.Where(keep)]);

    public Items<T> With(T one) => new([.. All, one]);

    public bool Equals(Items<T> other) => All.SequenceEqual(other.All);

    public override bool Equals(object? obj) => obj is Items<T> other && Equals(other);

    public override int GetHashCode() => All.Aggregate(17, (hash, item) => HashCode.Combine(hash, item));

    public override string ToString() => $"[{string.Join(", ", All)}]";

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)All).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public static bool operator ==(Items<T> left, Items<T> right) => left.Equals(right);

    public static bool operator !=(Items<T> left, Items<T> right) => !left.Equals(right);
}

public static class Items
{
    public static Items<T> Create<T>(ReadOnlySpan<T> items) => new([.. items]);
}
