using Grpc.Core;
using Safes.Contracts.V1;

namespace Safes.Client.Tests.Fake;

/// <summary>The calls that go to the inside of an open safe; what it answers with is the whole safe's.</summary>
public sealed class FakeInside(FakeSafe safe) : Inside.InsideBase
{
    public override Task<RulesReply> GetRules(RulesRequest request, ServerCallContext context) => safe.GetRules(request, context);

    public override Task<ChangeRulesReply> ChangeRules(ChangeRulesRequest request, ServerCallContext context) => safe.ChangeRules(request, context);

    public override Task<StatusReply> GetStatus(StatusRequest request, ServerCallContext context) => safe.GetStatus(request, context);

    public override Task<SshKeyReply> SignSshKey(SshKeyRequest request, ServerCallContext context) => safe.SignSshKey(request, context);

    public override Task AddHost(AddHostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context) => safe.AddHost(request, stream, context);

    public override Task StartHost(StartHostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context) => safe.StartHost(request, stream, context);

    public override Task StopHost(HostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context) => safe.StopHost(request, stream, context);

    public override Task ResizeHost(ResizeHostRequest request, IServerStreamWriter<Progress> stream, ServerCallContext context) => safe.ResizeHost(request, stream, context);

    public override Task ReadConsole(ConsoleRequest request, IServerStreamWriter<ConsoleChunk> stream, ServerCallContext context) => safe.ReadConsole(request, stream, context);

    public override Task Put(IAsyncStreamReader<PutRequest> requests, IServerStreamWriter<PutReply> replies, ServerCallContext context) => safe.Put(requests, replies, context);

    public override Task Get(IAsyncStreamReader<GetRequest> requests, IServerStreamWriter<GetReply> replies, ServerCallContext context) => safe.Get(requests, replies, context);

    public override Task ListFiles(ListFilesRequest request, IServerStreamWriter<FilesFound> replies, ServerCallContext context) => safe.ListFiles(request, replies, context);

    public override Task<OutEntry> AskOut(AskOutRequest request, ServerCallContext context) => safe.AskOut(request, context);

    public override Task ListOut(ListOutRequest request, IServerStreamWriter<OutEntry> replies, ServerCallContext context) => safe.ListOut(request, replies, context);

    public override Task ShowOut(OutNumber request, IServerStreamWriter<OutFiles> replies, ServerCallContext context) => safe.ShowOut(request, replies, context);

    public override Task<OutEntry> DecideOut(DecideOutRequest request, ServerCallContext context) => FakeSafe.DecideOut(request);

    public override Task ReadOutLog(ReadOutLogRequest request, IServerStreamWriter<OutLogLines> replies, ServerCallContext context) => safe.ReadOutLog(request, replies, context);

    public override Task<NetworkReply> GetNetwork(NetworkRequest request, ServerCallContext context) => safe.GetNetwork(request, context);

    public override Task<RuleLogReply> ReadRuleLog(RuleLogRequest request, ServerCallContext context) => safe.ReadRuleLog(request, context);

    public override Task<LookReply> Look(LookRequest request, ServerCallContext context) => safe.Look(request, context);

    public override Task Watch(WatchRequest request, IServerStreamWriter<Seen> stream, ServerCallContext context) => safe.Watch(request, stream, context);
}
