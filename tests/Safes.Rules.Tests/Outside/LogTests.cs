using System.Net;
using CsCheck;
using Safes.Rules.Outside;

namespace Safes.Rules.Tests.Outside;

public class LogTests
{
    [Fact]
    public void A_line_of_the_log_is_read_and_what_is_none_is_not()
    {
        const string line = "1800000000 10.83.17.10 CONNECT pypi.org 443 812 4096 200 - 3 splice";
        Assert.Equal(
            new LoggedRequest(DateTimeOffset.FromUnixTimeSeconds(1800000000), IPAddress.Parse("10.83.17.10"), "CONNECT", "pypi.org", 443, 812, 4096, 200, "", 3), LoggedRequest.Parse(line));
        Assert.Equal("none-build", LoggedRequest.Parse("1800000000 10.83.17.10 GET a.b 80 1 2 403 none-build - -")!.Why);
        Assert.Null(LoggedRequest.Parse(line + " more"));
        Assert.Null(LoggedRequest.Parse(line.Replace("443", "70000", StringComparison.Ordinal)));
        Assert.Null(LoggedRequest.Parse(line.Replace("1800000000", "99999999999999", StringComparison.Ordinal)));
        Assert.Null(LoggedRequest.Parse(""));
    }

    [Theory]
    [InlineData("1800000000 10.83.17.10 PATCH c2vjcmv0.pypi.org 443 812 4096 299 - 3 splice", "1800000000 10.83.17.10 - @pypi 0 0 0 0 - 3 -")]
    [InlineData("1800000000 10.83.17.10 GET c2vjcmv0.example.org 4711 1 2 403 none-build - -", "1800000000 10.83.17.10 - - 0 0 0 0 none - -")]
    [InlineData("1800000000 10.83.17.10 c2vjcmv0 pypi.org 443 812 4096 403 method-3 - bump", "1800000000 10.83.17.10 - @pypi 0 0 0 0 method-3 - -")]
    [InlineData("1800000000 10.83.17.10 GET a.b 80 1 2 403 upload-4711 - -", "1800000000 10.83.17.10 - - 0 0 0 0 refused - -")]
    [InlineData("1800000000 10.83.17.10 GET a.b 80 1 2 200 c2vjcmv0 4711 -", "1800000000 10.83.17.10 - - 0 0 0 0 refused - -")]
    [InlineData("1800000000 10.83.17.10 GET a.b 80 1 2 200 - 4711 -", "1800000000 10.83.17.10 - - 0 0 0 0 - - -")]
    [InlineData("1800000000 10.47.11.8 GET a.b 80 1 2 200 - 3 -", null)]
    public void What_a_host_chose_of_a_line_can_be_left_out(string line, string? left)
    {
        var covered = LoggedRequest.Parse(line)!.Covered(new Dictionary<int, string> { [3] = "@pypi" }, new Dictionary<string, IPAddress> { ["build"] = IPAddress.Parse("10.83.17.10") });
        Assert.Equal(left, covered?.Line);
        Assert.Equal(covered, covered is null ? null : LoggedRequest.Parse(covered.Line));
    }

    [Fact]
    public void Whatever_stands_in_the_log_is_read_or_left_alone() =>
        Gen.String[Gen.Char["019 -.:\u001b\n€aG"], 0, 80].Sample(text => LoggedRequest.Parse(text) is null or { Port: >= 0 and <= ushort.MaxValue });
}
