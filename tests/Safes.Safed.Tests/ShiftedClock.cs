using Safes.Linux;

namespace Safes.Safed.Tests;

/// <summary>The clocks that a copy of safed and its guardian see: as after a sleep of the server, or as somebody set them.</summary>
internal sealed class ShiftedClock
{
    private readonly string offsets;

    private ShiftedClock(string offsets) => this.offsets = offsets;

    /// <summary>Makes a safe run a copy of safed under such clocks. To be called before it starts.</summary>
    public static ShiftedClock Of(RealSafe safe)
    {
        string program = Path.Combine(safe.Home, "program"), offsets = Path.Combine(safe.Home, "clocks"), library = Path.Combine(program, "libc.so");
        safe.Program = OtherBuild.Copy(program);
        File.WriteAllBytes(offsets, new byte[16]);
        Tool.RunAsync("gcc", ["-shared", "-fPIC", "-O1", $"-DOFFSETS=\"{offsets}\"", "-o", library, Path.Combine(AppContext.BaseDirectory, "clock.c")])
            .GetAwaiter().GetResult();
        // P/Invokes look beside the program first. The runtime's own native parts are bound to the C library: for these it is preloaded.
        safe.AlsoSet["LD_PRELOAD"] = library;
        return new ShiftedClock(offsets);
    }

    /// <summary>The server slept for so long, just now.</summary>
    public void Sleep(TimeSpan time) => Write(0, time);

    /// <summary>Somebody set the wall clock to so much more or less than it is.</summary>
    public void Set(TimeSpan off) => Write(8, off);

    private void Write(int at, TimeSpan time)
    {
        using var file = File.OpenHandle(offsets, FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, BitConverter.GetBytes((long)time.TotalSeconds), at);
    }
}
