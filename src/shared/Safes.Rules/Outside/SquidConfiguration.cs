using System.Globalization;
using System.Text;

namespace Safes.Rules.Outside;

/// <summary>
/// squid.conf and the pages of refusals, from the rules. Squid takes the first line that fits: first what no rule may allow, then what a rule
/// allows, then, rule by rule, why not. A name is looked up only once a rule names it, so that questions carry nothing out.
/// </summary>
public static class SquidConfiguration
{
    /// <summary>The name of squid's file beside the pages and the helpers.</summary>
    public const string FileName = "squid.conf";

    public const string HelperName = "tunnel.py";

    /// <summary>What says reasons in answers' first lines.</summary>
    public const string ReasonName = "reason.py";

    // Squid's own page, for what is refused by no line or where no line could be decided.
    private const string OwnPage = "ERR_ACCESS_DENIED";

    // Of one host: more than programs open, fewer than would keep the others from theirs.
    private const int MostConnections = 1000;

    /// <summary>All files of the proxy's directory, by their names.</summary>
    public static IReadOnlyDictionary<string, string> Files(OutsideRules rules, SquidPlaces places)
    {
        var files = Pages(rules).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        files[FileName] = Text(rules, places);
        foreach (var (name, text) in Programs)
        {
            files[name] = text;
        }

        return files;
    }

    public static string Text(OutsideRules rules, SquidPlaces places)
    {
        var to = new StringBuilder(Common(places));
        Lists(to, rules);
        foreach (var permit in rules.Permits)
        {
            Describe(to, permit, rules, "rule");
            Limit(to, permit);
        }

        foreach (var permit in rules.Ended)
        {
            Describe(to, permit, rules, "ended");
        }

        Decide(to, rules);
        Downloads(to, rules);
        return to.ToString();
    }

    // Asked for at every look at the rules.
    private static readonly (string Name, string Text)[] Programs = [(HelperName, Program(HelperName)), (ReasonName, Program(ReasonName))];

    private static string Program(string name)
    {
        using var read = new StreamReader(typeof(SquidConfiguration).Assembly.GetManifestResourceStream($"Safes.Rules.Outside.{name}")!, Encoding.UTF8);
        return read.ReadToEnd();
    }

    private static string Common(SquidPlaces at) => $$"""
        # Written by safed from the owners' rules, whenever they change. What else is changed here lasts until then.
        visible_hostname {{at.VisibleName}}
        pid_filename {{at.Process}}
        cache_effective_user {{at.User}}
        http_port {{at.Listen}}:{{SquidPlaces.Port}} ssl-bump tls-cert={{at.Authority}} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
        sslcrtd_program /usr/lib/squid/security_file_certgen -s {{at.Certificates}} -M 4MB
        sslcrtd_children 2 startup=1 idle=1
        {{(at.Trusted is null ? "" : $"tls_outgoing_options cafile={at.Trusted}")}}
        dns_nameservers {{string.Join(' ', at.Resolvers)}}
        hosts_file none
        dns_defnames off
        cache deny all
        cache_mem 8 MB
        memory_pools off
        forwarded_for delete
        via off
        httpd_suppress_version_string on
        error_directory {{at.Files}}
        email_err_data off
        shutdown_lifetime 0 seconds
        client_lifetime 1 day
        client_ip_max_connections {{MostConnections}}
        request_header_max_size 32 KB
        pinger_enable off
        icp_port 0
        htcp_port 0
        snmp_port 0
        netdb_filename none
        coredump_dir none
        logfile_rotate 0
        cache_log {{at.Logs}}/squid.log
        logformat safes %ts %>a %rm %>rd %>rP %>st %<st %>Hs %{why}note %{rule}note %ssl::bump_mode
        access_log stdio:{{at.Logs}}/requests safes
        # Says whether a tunnel begins with a TLS greeting that names its destination, in clear, and ties the tunnel to it.
        external_acl_type safes_greeting concurrency=100 queue-size=100000 children-max=4 children-startup=1 children-idle=1 ttl=0 negative_ttl=0 cache=0 %>rd %>rP %>handshake /usr/bin/python3 {{at.Files}}/{{HelperName}} greeting
        external_acl_type safes_same concurrency=100 queue-size=100000 children-max=2 children-startup=1 children-idle=1 ttl=3600 negative_ttl=3600 cache=1000 %{clt_conn_tag}note %>rd %>rP /usr/bin/python3 {{at.Files}}/{{HelperName}} same
        # Says why in an answer's first line, before Squid refuses; whatever comes of it, Squid refuses. None from the start: Squid would end with it.
        external_acl_type safes_reason concurrency=100 queue-size=100000 children-max=1 children-startup=0 children-idle=1 ttl=0 negative_ttl=0 cache=0 %>a %>p %>rd %>rP %>rm /usr/bin/python3 {{at.Files}}/{{ReasonName}} ask {{at.Reasons}}
        acl greeting external safes_greeting
        acl same external safes_same
        # Of a connection: that a tunnel was asked for in it, and that it was found to be as it should be and goes on unopened.
        acl begin annotate_client tunnel=begun
        acl begun note tunnel begun
        acl pass annotate_client passes=yes
        acl passes note passes yes
        acl tunnel method CONNECT
        acl opened proto HTTPS
        acl web proto HTTP HTTPS
        # Whom it is said to: who reads in clear and was asked nothing else before, or asks for a tunnel and shows no page that comes through it.
        acl reads method GET HEAD
        acl shows browser ^(Mozilla|curl|git|cargo|libcurl|R)[/[:space:]]
        acl in_clear all-of reads !begun
        acl for_tunnel all-of tunnel !passes !shows
        acl told any-of in_clear for_tunnel
        # Squid's own refusals, as text.
        acl forbidden http_status 403
        acl ruled note rule
        acl refusal all-of forbidden !ruled
        reply_header_access Content-Type deny refusal
        reply_header_replace Content-Type text/plain;charset=utf-8
        acl by_address dstdom_regex -n (^|\.)(0x[0-9a-f]*|[0-9]+)$ :
        acl unreachable dst {{string.Join(' ', Unreachable.V4.Concat(at.Own.Select(a => $"{a}")))}}
        acl unreachable dst {{string.Join(' ', Unreachable.V6)}}
        acl first at_step SslBump1
        acl second at_step SslBump2
        acl third at_step SslBump3

        """.Replace("\n\n", "\n", StringComparison.Ordinal);

    private static void Lists(StringBuilder to, OutsideRules rules)
    {
        foreach (var (host, address) in rules.Hosts.OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            to.Append(CultureInfo.InvariantCulture, $"acl from_{host} src {address}\n");
        }
    }

    // acl rule_3: whom it is for, where to, which ports.
    private static void Describe(StringBuilder to, Permit permit, OutsideRules rules, string kind)
    {
        string name = $"{kind}_{permit.Rule}";
        to.Append(CultureInfo.InvariantCulture, $"acl {name}_from src {(permit.From == "*" ? "all" : rules.Hosts[permit.From])}\n");
        foreach (string pattern in permit.Names)
        {
            to.Append(pattern.StartsWith("*.", StringComparison.Ordinal)
                ? $"acl {name}_to dstdom_regex -n -i ^.+{pattern[1..].Replace(".", "\\.", StringComparison.Ordinal)}$\n"
                : $"acl {name}_to dstdomain -n {pattern}\n");
        }

        to.Append(CultureInfo.InvariantCulture, $"acl {name}_port port {string.Join(' ', permit.Ports)}\nacl {name} all-of {name}_from {name}_port {name}_to\n");
    }

    private static void Limit(StringBuilder to, Permit permit)
    {
        if (permit.Methods.Count > 0)
        {
            to.Append(CultureInfo.InvariantCulture, $"acl rule_{permit.Rule}_method method {string.Join(' ', permit.Methods)}\n");
        }

        if (permit.Upload > 0)
        {
            to.Append(CultureInfo.InvariantCulture, $"""
                acl rule_{permit.Rule}_long req_header Content-Length {Digits.Above(permit.Upload)}
                acl rule_{permit.Rule}_unsaid req_header Transfer-Encoding .
                acl rule_{permit.Rule}_upload any-of rule_{permit.Rule}_long rule_{permit.Rule}_unsaid

                """);
        }

        to.Append(CultureInfo.InvariantCulture, $"acl by_{permit.Rule} annotate_transaction rule={permit.Rule}\n");
    }

    private static void Decide(StringBuilder to, OutsideRules rules)
    {
        // A connection has one tunnel. Squid asks a second time before it lets bytes through unread, also where it got no answer about the greeting;
        // and whoever asks for another tunnel inside an opened one, or inside what shows a refusal, would get one that nobody looks into.
        Reject(to, "strange", [], "tunnel begun !passes", "begun !tunnel !opened", "opened !same");
        to.Append("http_access deny tunnel begin !all\n");
        if (rules.Permits.Count > 0)
        {
            to.Append(CultureInfo.InvariantCulture, $"acl named any-of {string.Join(' ', rules.Permits.Select(p => $"rule_{p.Rule}"))}\n");
            Refuse(to, "by_address");
            Refuse(to, "inside", "named unreachable");
        }
        else
        {
            Refuse(to, "by_address");
        }

        foreach (var permit in rules.Permits)
        {
            string name = $"rule_{permit.Rule}";
            to.Append(CultureInfo.InvariantCulture, $"http_access allow tunnel {name} by_{permit.Rule}\n");
            to.Append(CultureInfo.InvariantCulture, $"http_access allow !tunnel web {name}{(permit.Methods.Count > 0 ? $" {name}_method" : "")}{(permit.Upload > 0 ? $" !{name}_upload" : "")} by_{permit.Rule}\n");
        }

        foreach (var permit in rules.Permits)
        {
            string name = $"rule_{permit.Rule}";
            if (permit.Methods.Count > 0)
            {
                Refuse(to, $"method-{permit.Rule}", $"{name} !{name}_method");
            }

            if (permit.Upload > 0)
            {
                Refuse(to, $"upload-{permit.Rule}", $"{name} {name}_upload");
            }
        }

        foreach (var permit in rules.Ended.Reverse())
        {
            Refuse(to, $"ended-{permit.Rule}", $"ended_{permit.Rule}");
        }

        foreach (string host in rules.Hosts.Keys.Order(StringComparer.Ordinal))
        {
            Refuse(to, $"none-{host}", $"from_{host}");
        }

        to.Append("http_access deny all\nssl_bump peek first\n");
        foreach (var permit in rules.Permits.Where(p => !p.Looks))
        {
            to.Append(CultureInfo.InvariantCulture, $"ssl_bump splice second rule_{permit.Rule} greeting pass\n");
        }

        foreach (var permit in rules.Permits.Where(p => p.Looks))
        {
            to.Append(CultureInfo.InvariantCulture, $"ssl_bump stare second rule_{permit.Rule} greeting\n");
        }

        // The server's own certificate is seen first, so that the one shown to the host is like it: some clients take no other.
        to.Append("ssl_bump bump third\nssl_bump terminate all\n");
    }

    // With a line before it that fits never, whatever the helper says: so the one that refuses decides as it would alone.
    private static void Refuse(StringBuilder to, string why, string? when = null) =>
        Reject(to, why, [$"acl reason_{why} external safes_reason {why}", $"http_access deny {when ?? why} told why_{why} reason_{why} !all"], when ?? why);

    // The last name in the line is the one whose page is shown; it fits always, and leaves the reason for the log.
    private static void Reject(StringBuilder to, string why, string[] before, params ReadOnlySpan<string> cases)
    {
        to.Append(CultureInfo.InvariantCulture, $"acl why_{why} annotate_transaction why={why}\n");
        foreach (string line in before)
        {
            to.Append(line).Append('\n');
        }

        foreach (string when in cases)
        {
            to.Append(CultureInfo.InvariantCulture, $"http_access deny {when} why_{why}\n");
        }

        to.Append(CultureInfo.InvariantCulture, $"deny_info 403:{why} why_{why}\n");
    }

    // The first that fits counts: the most generous of the rules for a request comes first.
    private static void Downloads(StringBuilder to, OutsideRules rules)
    {
        if (rules.Permits.All(p => p.Download == 0))
        {
            return;
        }

        foreach (var permit in rules.Permits.OrderBy(p => p.Download == 0 ? long.MinValue : -p.Download))
        {
            string name = $"rule_{permit.Rule}";
            string limit = permit.Download == 0 ? "none" : $"{permit.Download} bytes";
            to.Append(CultureInfo.InvariantCulture, $"reply_body_max_size {limit} {name}{(permit.Methods.Count > 0 ? $" {name}_method" : "")}{(permit.Upload > 0 ? $" !{name}_upload" : "")}\n");
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> Pages(OutsideRules rules)
    {
        const string name = "%H", port = "%p", method = "%M";
        yield return KeyValuePair.Create(OwnPage, $"{Reason.Begin}`safe rule explain` says why.\n");
        yield return Page("by_address", Reason.Address);
        yield return Page("inside", Reason.Inside(name));
        yield return Page("strange", Reason.Strange);
        foreach (var permit in rules.Permits)
        {
            string host = permit.From == "*" ? "this host" : permit.From;
            if (permit.Methods.Count > 0)
            {
                yield return Page($"method-{permit.Rule}", Reason.Method(permit, host, name, port, method));
            }

            if (permit.Upload > 0)
            {
                yield return Page($"upload-{permit.Rule}", Reason.Upload(permit, host, name, port));
            }
        }

        foreach (var permit in rules.Ended)
        {
            yield return Page($"ended-{permit.Rule}", Reason.Ended(permit, permit.From == "*" ? "this host" : permit.From, name, port));
        }

        foreach (string host in rules.Hosts.Keys)
        {
            yield return Page($"none-{host}", Reason.NoRule(host, name, port));
        }
    }

    private static KeyValuePair<string, string> Page(string file, Reason reason) => KeyValuePair.Create(file, reason.Page);
}
