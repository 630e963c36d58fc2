using CsCheck;
using Safes.Contracts;

namespace Safes.Transfer.Tests;

public sealed class FilePathTests
{
    [Theory]
    [InlineData("/")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData(".")]
    [InlineData("a/..")]
    [InlineData("../a")]
    [InlineData("a/./b")]
    [InlineData("a\0b")]
    public void What_is_no_path_below_is_refused(string path) =>
        Assert.Equal(FaultCodes.FileName, Assert.Throws<FaultException>(() => FilePath.Parse(path)).Code);

    [Fact]
    public void Lengths_and_depth_are_those_that_Linux_takes()
    {
        Assert.Equal(255, FilePath.Parse(new string('n', 255)).Name.Bytes.Length);
        Assert.Throws<FaultException>(() => FilePath.Parse(new string('n', 256)));
        Assert.Equal(100, FilePath.Parse(string.Join('/', Enumerable.Repeat("d", 100))).Depth);
        Assert.Throws<FaultException>(() => FilePath.Parse(string.Join('/', Enumerable.Repeat("d", 101))));
        string longest = string.Join('/', Enumerable.Repeat(new string('n', 255), 16));
        Assert.Equal(4095, FilePath.Parse(longest).Bytes.Length);
        Assert.Throws<FaultException>(() => FilePath.Parse(longest + "/n"));
        Assert.Throws<FaultException>(() => FilePath.Parse(longest).Below("n"u8));
    }

    [Fact]
    public void No_bytes_make_a_path_that_leads_out() => Gen.Byte[0, 60].Select(b => b < 20 ? (byte)'/' : b < 40 ? (byte)'.' : b).Array[0, 30].Sample(bytes =>
    {
        try
        {
            var path = FilePath.Parse(bytes);
            Assert.True(path.Bytes.SequenceEqual(bytes));
            Assert.True(path.IsBelow(FilePath.Root));
            Assert.DoesNotContain("..", path.ToString().Split('/'));
        }
        catch (FaultException e) when (e.Code == FaultCodes.FileName)
        {
            // Refused.
        }
    });

    [Fact]
    public void A_path_knows_what_it_lies_below()
    {
        var path = FilePath.Parse("a/b/c");
        Assert.True(path.IsBelow(FilePath.Parse("a/b")));
        Assert.True(path.IsBelow(path));
        Assert.False(path.IsBelow(FilePath.Parse("a/bc")));
        Assert.False(FilePath.Parse("a").IsBelow(path));
        Assert.Equal(FilePath.Parse("b/c"), path.From(FilePath.Parse("a")));
        Assert.Equal(path, FilePath.Parse("a").Below(FilePath.Parse("b/c")));
    }
}
