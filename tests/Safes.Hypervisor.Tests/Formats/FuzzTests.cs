using System.Net.Sockets;
using Google.Protobuf;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Fuzzing;
using Safes.Hypervisor.Gateway;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Tests.Vaults;
using Safes.Hypervisor.Vaults;
using Safes.Keys;
using Safes.Roster;

namespace Safes.Hypervisor.Tests.Formats;

/// <summary>What `safed` reads: from its own files, which the supplier can write, from members' devices and from the gateway.</summary>
[Trait("fuzzes", "parsers")]
public class FuzzTests
{
    [Fact]
    public void A_damaged_intent_is_malformed_and_nothing_worse() => Fuzz.Parser([new Intent(300, 2, "b", new byte[64]).Write()], bytes =>
    {
        try
        {
            Assert.Equal(bytes, Intent.Parse(bytes).Write());
        }
        catch (MalformedException)
        {
        }
    });

    [Fact]
    public void A_damaged_record_of_a_session_is_none()
    {
        var book = new SessionBook(Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var (session, _) = book.Prepare(DeviceId.Random(), "anna", "laptop", "anna", DateTimeOffset.UnixEpoch, TimeSpan.FromHours(1));
        Fuzz.Parser([SessionRecord.Of(session).Write()], bytes => SessionRecord.Parse(bytes)?.Live());
    }

    [Fact]
    public void A_damaged_configuration_is_a_fault_with_its_code() => Fuzz.Parser([Ledger.Configuration.Write()], bytes => Faults(FaultCodes.BadConfiguration, () => SafeConfiguration.Parse(bytes)));

    [Theory]
    [InlineData("header.a")]
    [InlineData("header.b")]
    [InlineData("roster")]
    [InlineData("intent")]
    [InlineData("owner.safeid")]
    [InlineData("attempts")]
    public void A_state_directory_with_a_damaged_file_is_refused_or_opens(string name)
    {
        using var ledger = new Ledger();
        ledger.Add(ledger.Anna, ledger.NewPerson("bob"));
        if (name == "attempts")
        {
            using var wrong = Secrets.SecretBuffer.Random(32);
            Assert.Throws<FaultException>(() => ledger.Open(ledger.Anna, wrong).Dispose());
            name = $"attempts/{ledger.Anna.Device}";
        }

        string at = Path.Combine(Ledger.Directory, name);
        var files = ledger.Files.Copy();
        byte[] right = files.Content.TryGetValue(at, out byte[]? there) ? there : new Intent(2, 1, "b", System.Security.Cryptography.SHA512.HashData(files.Content[Path.Combine(Ledger.Directory, "header.b")])).Write();
        Fuzz.Parser([right], bytes =>
        {
            var damaged = files.Copy();
            damaged.Put(at, bytes);
            Faults(null, () =>
            {
                using var vault = Safes.Hypervisor.Vaults.Vault.Load(Ledger.Directory, ledger.Clock, damaged, "boot-1");
                Assert.True(vault.IsClaimed);
                vault.TriesLeft(ledger.Anna.Device);
            });
        }, most: 8 << 20);
    }

    [Fact]
    public void A_damaged_request_to_change_the_roster_or_to_join_is_a_fault_with_a_code()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        ledger.Add(ledger.Anna, bob);
        byte[] add = AddMember.Sign(ledger.Vault.Roster!, ledger.Anna.Device, ledger.Anna.Keys.Signing, ledger.NewPerson("carol").Keys.CreateId().Identity, false).Bytes.ToArray();
        byte[] rekey = Rekey.Sign(ledger.Vault.Roster!, bob.Device, bob.Keys.Signing, KemKeyPair.PublicKey(bob.Keys.FirstSeed!)).Bytes.ToArray();
        Fuzz.Parser([add, rekey], bytes =>
        {
            Faults(null, () => ledger.Vault.ChangeRoster(ledger.Anna.Device, ledger.Issue(), bytes, bytes, bytes));
            Faults(null, () => ledger.Vault.Join(bob.Device, ledger.Issue(), bytes, bytes));
            Faults(null, () => ledger.Vault.Open(ledger.Anna.Device, ledger.Issue(), bytes, ledger.Vault.Roster!.Head.Span, ledger.Vault.Generation).Dispose());
        });
        ledger.Opens(ledger.Anna);
    }

    [Fact]
    public void A_member_whose_id_has_no_X_Wing_key_cannot_be_added_and_nothing_has_changed()
    {
        using var ledger = new Ledger();
        var bob = ledger.NewPerson("bob");
        byte[] none = [.. Enumerable.Repeat((byte)0xff, KemKeyPair.PublicKeySize)];
        var id = IdFile.Create(bob.Keys.CreateId().Identity with { KemKey = none }, bob.Keys.Signing);
        var entry = AddMember.Sign(ledger.Vault.Roster!, ledger.Anna.Device, ledger.Anna.Keys.Signing, id.Identity, owner: false);
        Assert.Equal(FaultCodes.BadRequest, Assert.Throws<FaultException>(() => ledger.Change(ledger.Anna, entry)).Code);
        Assert.Equal((1UL, 1), (ledger.Vault.Generation, ledger.Vault.Roster!.Count));
        ledger.Opens(ledger.Anna);
    }

    [Fact]
    public async Task Whatever_the_gateway_says_is_an_answer_or_ends_the_line()
    {
        string directory = Directory.CreateTempSubdirectory("safes-line-").FullName;
        try
        {
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            string path = Path.Combine(directory, "s");
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(1);
            byte[] ready = Frame(new FromGateway { Ready = new GatewayReady { Version = "1" } }), fault = Frame(new FromGateway { Id = 7, Fault = new GatewayFault { What = "x" } });
            Fuzz.Parser([ready, [.. ready, .. fault], [0, 0x10, 0, 1], [0, 0x10, 0, 0]], bytes => Talk(bytes).GetAwaiter().GetResult(), most: 4 << 20);

            async Task Talk(byte[] bytes)
            {
                await using var line = await GatewayLine.ConnectAsync(path);
                using (var gateway = await listener.AcceptAsync())
                {
                    await gateway.SendAsync(bytes);
                }

                await line.Broken.WaitAsync(TimeSpan.FromSeconds(5));
                Assert.True(line.Broken.IsCompletedSuccessfully);
            }

            await Talk(ready);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static byte[] Frame(FromGateway message)
    {
        byte[] body = message.ToByteArray();
        return [(byte)(body.Length >> 24), (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length, .. body];
    }

    /// <summary>Nothing but a fault, of this code where one is given; never <see cref="FaultCodes.Internal"/>.</summary>
    private static void Faults(FaultCode? code, Action act)
    {
        try
        {
            act();
        }
        catch (FaultException e)
        {
            Assert.True(code is null ? e.Code != FaultCodes.Internal : e.Code == code, e.ToString());
        }
    }
}
