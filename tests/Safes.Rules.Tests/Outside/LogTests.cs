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

    [Fact]
    public void Whatever_stands_in_the_log_is_read_or_left_alone() =>
        Gen.String[Gen.Char["019 -.:\u001b\n€aG"], 0, 80].Sample(text => LoggedRequest.Parse(text) is null or { Port: >= 0 and <= ushort.MaxValue });
}
