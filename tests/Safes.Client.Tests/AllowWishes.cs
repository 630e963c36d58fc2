using Safes.Client.Rules;
using Safes.Contracts;
using Safes.Rules;

namespace Safes.Client.Tests;

public class AllowWishes
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    private static AllowRule Rule(string host, string destination, string methods = "", string? until = null) =>
        new AllowWish(host, destination, methods.Split(',', StringSplitOptions.RemoveEmptyEntries), 65536, 0, until).ToRule(["build"], Now);

    [Fact]
    public void What_an_owner_writes_becomes_a_rule()
    {
        Assert.Equal(new AllowRule("build", "git.example.org", 443, ["GET", "HEAD"], 65536, 0, 0), Rule("build", "Git.example.org:443", "get,HEAD,get"));
        Assert.Equal(new AllowRule("*", "@pypi", 0, [], 65536, 0, 1_800_007_200), Rule("*", "pypi", until: "2h"));
        Assert.Equal(1_800_000_000 + (3 * 86400), Rule("build", "a.b", until: "3d").UntilUnix);
        Assert.Equal(new DateTimeOffset(new DateTime(2030, 1, 2, 12, 0, 0, DateTimeKind.Local)).ToUnixTimeSeconds(), Rule("build", "a.b", until: "2030-01-02 12:00").UntilUnix);
    }

    [Theory]
    [InlineData("desk", "git.example.org", "", null, "host-unknown")]
    [InlineData("build", "127.0.0.1", "", null, "destination")]
    [InlineData("build", "0x7f.1", "", null, "destination")]
    [InlineData("build", "git.example.org.", "", null, "destination")]
    [InlineData("build", "*", "", null, "destination")]
    [InlineData("build", "rubygems", "", null, "preset-unknown")]
    [InlineData("build", "git.example.org", "GET,FETCH", null, "method-unknown")]
    [InlineData("build", "git.example.org", "CONNECT", null, "method-unknown")]
    [InlineData("build", "pypi", "POST", null, "method-unknown")]
    [InlineData("build", "git.example.org", "", "2020-01-01 00:00", "time-past")]
    [InlineData("build", "git.example.org", "", "1970-01-01 00:00", "time-past")]      // 0, where the device keeps UTC
    [InlineData("build", "git.example.org", "", "soon", "usage")]
    [InlineData("build", "git.example.org", "", "-2h", "usage")]
    public void What_makes_no_rule_is_refused_with_a_code_of_its_own(string host, string destination, string methods, string? until, string code) =>
        Assert.Equal(code, Assert.Throws<FaultException>(() => Rule(host, destination, methods, until)).Code.Code);

    [Fact]
    public void A_name_that_only_looks_like_another_is_shown_as_it_is_asked_for()
    {
        var refused = Assert.Throws<FaultException>(() => Rule("build", "gіt.example.org"));
        Assert.Equal("xn--gt-hoc.example.org", refused.Details["instead"]);
    }
}
