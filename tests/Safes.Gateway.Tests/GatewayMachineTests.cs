using System.Buffers.Binary;
using CsCheck;
using Safes.Contracts.V1;
using Safes.Gateway.Port;

namespace Safes.Gateway.Tests;

/// <summary>What the port may bring. None of these messages is one that reaches a tool.</summary>
public class GatewayMachineTests
{
    [Fact]
    public void It_says_that_it_is_there_and_not_configured()
    {
        var answers = Talk();
        Assert.Equal(new FromGateway { Ready = new GatewayReady { Version = "1" } }, Assert.Single(answers));
    }

    [Fact]
    public void Garbage_is_answered_and_survived()
    {
        byte[] ping = Frames.Encode(new ToGateway { Id = 9, Ping = new GatewayPing() });
        var answers = Talk([0xff, 0xff, 0xff, 0xff], [0, 0, 0, 2, 0xff, 0xff], Frames.Encode(new ToGateway { Id = 3 }), ping);
        Assert.Equal([0UL, 0UL, 0UL, 3UL, 9UL], answers.Select(a => a.Id));
        Assert.All(answers[1..4], a => Assert.Equal(FromGateway.WhatOneofCase.Fault, a.WhatCase));
        Assert.Equal(0u, answers[4].Pong.Allowed);
    }

    [Fact]
    public void Before_it_is_configured_nobody_can_be_allowed()
    {
        var answers = Talk(Frames.Encode(new ToGateway { Id = 4, Allow = new AllowedDevices { Addresses = { "10.83.0.2" } } }));
        Assert.Equal("not configured yet", answers[1].Fault.What);
    }

    [Fact]
    public void A_wrong_configuration_changes_nothing()
    {
        var wrong = Example.Configuration();
        wrong.InsideAddress = "10.83.1.1/24\"; flush ruleset";
        var answers = Talk(Frames.Encode(new ToGateway { Id = 4, Configure = wrong }), Frames.Encode(new ToGateway { Id = 5, Ping = new GatewayPing() }));
        Assert.Contains("inside_address", answers[1].Fault.What, StringComparison.Ordinal);
        Assert.Empty(answers[2].Pong.Peers);
    }

    [Fact]
    public void After_the_other_side_has_gone_half_a_frame_is_forgotten()
    {
        byte[] ping = Frames.Encode(new ToGateway { Id = 9, Ping = new GatewayPing() });
        var answers = Talk(ping[..3], [], ping);
        Assert.Equal([0UL, 9UL], answers.Select(a => a.Id));
    }

    [Fact]
    public void No_bytes_whatsoever_end_it() => Gen.Byte.Array[1, 200].List[1, 10].Sample(pieces => Talk([.. pieces]).Count > 0, iter: 500);

    private static List<FromGateway> Talk(params byte[][] pieces)
    {
        var port = new ScriptedPort(pieces);
        try
        {
            new GatewayMachine().Serve(port);
        }
        catch (EndOfStreamException)
        {
            // The script is over.
        }

        return port.Said;
    }

    private sealed class ScriptedPort(byte[][] pieces) : IGatewayPort
    {
        private int next;

        public List<FromGateway> Said { get; } = [];

        public int Read(Span<byte> into)
        {
            if (next == pieces.Length)
            {
                throw new EndOfStreamException();
            }

            pieces[next].CopyTo(into);
            return pieces[next++].Length;
        }

        public void Write(ReadOnlySpan<byte> bytes)
        {
            Assert.Equal(bytes.Length - 4, BinaryPrimitives.ReadInt32BigEndian(bytes));
            Said.Add(FromGateway.Parser.ParseFrom(bytes[4..]));
        }
    }
}
