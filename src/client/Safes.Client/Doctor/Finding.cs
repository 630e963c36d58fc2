namespace Safes.Client.Doctor;

/// <summary>How a finding weighs.</summary>
public enum Grade
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>It works, but could be better or safer.</summary>
    Should,

    /// <summary>No safe can be opened from here.</summary>
    Must,
}

/// <summary>One line of the device's doctor: what is so, why that matters, what to do. The latter two are empty when all is well.</summary>
public sealed record Finding(string Name, Grade Grade, string What, string Why = "", string Do = "")
{
    public static Finding Good(string name, string what) => new(name, Grade.Good, what);

    public static Finding Should(string name, string what, string why, string todo) => new(name, Grade.Should, what, why, todo);

    public static Finding Must(string name, string what, string why, string todo) => new(name, Grade.Must, what, why, todo);
}
