using System.Text;
using Safes.Contracts;
using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Tests.Vaults;

public class ConfigurationTests
{
    [Fact]
    public void It_reads_as_it_was_written() => Assert.Equal(Ledger.Configuration, SafeConfiguration.Parse(Ledger.Configuration.Write()));

    [Fact]
    public void Comments_and_defaults_are_fine()
    {
        var read = SafeConfiguration.Parse("""
            { // by hand
              "name": "ledger", "endpoint": "[2001:db8::1]:51820", "volume": "/srv/v", "volume_bytes": 67108864, "network": "10.1.240.0/20", }
            """u8);
        Assert.Equal((90, 25, 120, 86400, false), (read.LeaseSeconds, read.ChallengeSeconds, read.BoundSeconds, read.MaxSessionSeconds, read.RebootWhenFaulted));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{ "name": "ledger", "endpoint": "x:1", "volume": "/v", "volume_bytes": 67108864, "network": "10.1.240.0/20", "leaseseconds": 9 }""")]
    [InlineData("""{ "name": null, "endpoint": "x:1", "volume": "/v", "volume_bytes": 67108864, "network": "10.1.240.0/20" }""")]
    public void What_is_missing_or_unknown_is_refused(string json) =>
        Assert.Equal(FaultCodes.BadConfiguration, VaultTests.CodeOf(() => SafeConfiguration.Parse(Encoding.UTF8.GetBytes(json))));

    [Fact]
    public void All_errors_are_told_at_once()
    {
        var wrong = Ledger.Configuration with { Name = "No", Endpoint = "x", Volume = "v", VolumeBytes = 1, Network = "10.0.1.0/20", LeaseSeconds = 0, ChallengeSeconds = 0, BoundSeconds = 0 };
        var refused = Assert.Throws<FaultException>(() => wrong.Validated());
        Assert.Equal(8, refused.Details["why"].Split("; ").Length);
    }
}
