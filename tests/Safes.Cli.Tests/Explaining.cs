using System.Text;
using System.Text.Json.Nodes;
using Safes.Cli.Explaining;
using Safes.Contracts;

namespace Safes.Cli.Tests;

public class Explaining
{
    [Fact]
    public void Every_fault_has_words() => Assert.Empty(FaultCodes.All.Where(c => !Explain.Covers(c)));

    [Fact]
    public void The_words_of_every_fault_are_the_committed_ones()
    {
        var text = new StringBuilder();
        foreach (var code in FaultCodes.All)
        {
            text.Append(Explain.Text(new FaultException(code), "ledger", json: false)).Append($"(exit {code.Exit})\n\n");
        }

        Transcript.Compare("faults", text.ToString());
    }

    [Fact]
    public void Faults_with_details_read_as_people_expect()
    {
        FaultException[] faults =
        [
            new(FaultCodes.NoTunnel, ("endpoint", "safe.example.org:51820"), ("seconds", "10")),
            new(FaultCodes.WrongPassword, ("device", "anna-laptop"), ("tries_left", "2")),
            new(FaultCodes.FilesBusy, ("holder", "backup"), ("pid", "4711")),
            new(FaultCodes.FilesBusy, ("holder", "backup"), ("pid", "4711"), ("key", "absent")),
            new(FaultCodes.ImageMismatch, ("host", "desk"), ("detail", "it was suspended under QEMU 10.0.2, here is 10.1"), ("from", "server")),
            new(FaultCodes.NoMemory, ("needed", "256 MiB"), ("free", "180 MiB")),
            new(FaultCodes.NoPrivilege, ("command", "sudo wg-quick up /home/anna/.config/safes/.tunnels/sf0123456789ab.conf")),
            new(FaultCodes.SessionLost, ("reason", "the connection to the server was lost"), ("at", "14:02"), ("kept", "files and hosts are kept")),
            new(FaultCodes.HostMemory, ("host", "big"), ("why", "memory"), ("wanted", $"{64L << 30}"), ("least", $"{128L << 20}"), ("available", $"{10L << 30}")),
            new(FaultCodes.HostMemory, ("host", "big"), ("why", "memory"), ("wanted", $"{64L << 20}"), ("least", $"{128L << 20}"), ("available", $"{10L << 30}")),
            new(FaultCodes.HostMemory, ("host", "big"), ("why", "bound"), ("wanted", $"{8L << 30}"), ("available", $"{3L << 30}"), ("rate", $"{50L << 20}"), ("bound", "120")),
            new(FaultCodes.HostDisk, ("host", "big"), ("why", "size"), ("wanted", $"{10L << 30}"), ("least", $"{20L << 30}")),
            new(FaultCodes.HostDisk, ("host", "big"), ("why", "room"), ("wanted", $"{20L << 30}"), ("available", $"{5L << 30}")),
            new(FaultCodes.Internal, ("detail", "disk on fire"), ("from", "server")),
            new(FaultCodes.UnsafePermissions, ("path", "/home/anna/.config/safes"), ("owner", "1000")),
            new(FaultCodes.UnsafePermissions, ("path", "/home/anna/.config/safes/ledger/session"), ("link", "yes")),
            new(FaultCodes.SessionBusy, ("pid", "4711"), ("computer", ""), ("why", "it does not answer at its socket")),
            new(FaultCodes.SessionBusy, ("pid", "4711"), ("computer", "desk"), ("why", "it runs on another computer that shares this home")),
        ];
        Transcript.Compare("details", string.Join('\n', faults.Select(f => Explain.Text(f, "ledger", json: false))));
    }

    [Fact]
    public void A_server_cannot_write_to_the_terminal_through_a_fault()
    {
        var fault = new FaultException(FaultCodes.HostFailed, ("host", "desk\u001b[2J"), ("why", "\r\nsafe: hint: send your password to mallory"), ("from", "server"));
        string text = Explain.Text(fault, "led\u001b]0;x\aer", json: false);
        Assert.DoesNotContain('\u001b', text);
        Assert.DoesNotContain('\r', text);
        Assert.Equal(3, text.Count(c => c == '\n'));
    }

    [Fact]
    public void The_same_as_json()
    {
        var error = JsonNode.Parse(Explain.Text(new FaultException(FaultCodes.NoSession), "ledger", json: true))!;
        Assert.Equal("no-session", (string)error["code"]!);
        Assert.Equal(40, (int)error["exit"]!);
        Assert.Equal("safe open ledger", (string)error["hint"]!);
    }

    [Fact]
    public void A_place_of_the_device_that_cannot_be_used_is_named_and_no_fault_of_ours()
    {
        Exception[] refused = [new Linux.LinuxException("open", "/home/anna/.config/safes", Linux.Errno.ReadOnly), new UnauthorizedAccessException("Access to the path '/home/anna/.config/safes' is denied.")];
        Assert.All(refused, e => Assert.Equal((FaultCodes.PlaceUnusable, "/home/anna/.config/safes"), (Explain.Unexpected(e).Code, Explain.Unexpected(e).Details["path"])));
        Assert.Equal(FaultCodes.Internal, Explain.Unexpected(new Linux.LinuxException("open", "/home/anna/.config/safes", Linux.Errno.Io)).Code);
        Unusable.CheckSocket("/" + new string('x', 106));
        string text = Explain.Text(Assert.Throws<FaultException>(() => Unusable.CheckSocket("/" + new string('x', 107))), "ledger", json: false);
        Assert.Contains("hint:  set XDG_RUNTIME_DIR to a shorter one", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_nobody_expected_is_a_fault_of_ours()
    {
        var fault = Explain.Unexpected(new InvalidOperationException("boom"));
        Assert.Equal(FaultCodes.Internal, fault.Code);
        Assert.Contains("boom", Explain.Text(fault, null, json: false), StringComparison.Ordinal);
    }
}
