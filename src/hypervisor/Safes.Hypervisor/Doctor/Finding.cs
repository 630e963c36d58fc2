namespace Safes.Hypervisor.Doctor;

/// <summary>How a finding weighs.</summary>
public enum Grade
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>Good to know; nothing has to be done.</summary>
    Note,

    /// <summary>A safe works here, but is less safe than it could be.</summary>
    Should,

    /// <summary>No safe works here.</summary>
    Must,
}

/// <summary>One line of the doctor: what is so, why that matters, what to do. The latter two are empty when all is well.</summary>
public sealed record Finding(string Name, Grade Grade, string What, string Why = "", string Do = "")
{
    public static Finding Good(string name, string what) => new(name, Grade.Good, what);

    public static Finding Note(string name, string what, string why = "") => new(name, Grade.Note, what, why);

    public static Finding Should(string name, string what, string why, string todo) => new(name, Grade.Should, what, why, todo);

    public static Finding Must(string name, string what, string why, string todo) => new(name, Grade.Must, what, why, todo);
}
