using System.Net;
using Safes.Hypervisor.Outside;
using Safes.Rules;

namespace Safes.Hypervisor.Tests.Outside;

public class RequestLogTests
{
    [Theory]
    [InlineData(DataOut.Free, false, true)]
    [InlineData(DataOut.FourEyes, true, true)]
    [InlineData(DataOut.Closed, true, true)]
    [InlineData(DataOut.FourEyes, false, false)]
    [InlineData(DataOut.Closed, false, false)]
    public void Where_data_leave_by_approval_alone_only_owners_see_what_hosts_chose(DataOut mode, bool owner, bool all)
    {
        var said = RequestLog.For(
            "1800000000 10.83.17.10 GET c2vjcmv0.pypi.org 80 812 4096 200 - 3 -\nc2vjcmv0\n1800000001 10.83.17.10 GET c2vjcmv0.example.org 80 1 2 403 none-build - -\n"u8.ToArray(), owner, mode,
            [new StandingRule(3, new AllowRule("build", "*.pypi.org", 0, [], 0, 0, 0), default, "Anna", default)],
            new Dictionary<string, IPAddress> { ["build"] = IPAddress.Parse("10.83.17.10") });
        Assert.Equal(!all, said.Covered);
        Assert.Equal(all, said.End.ToStringUtf8().Contains("c2vjcmv0", StringComparison.Ordinal));
        if (!all)
        {
            Assert.Equal("1800000000 10.83.17.10 - *.pypi.org 0 0 0 0 - 3 -\n1800000001 10.83.17.10 - - 0 0 0 0 none - -\n", said.End.ToStringUtf8());
        }
    }
}
