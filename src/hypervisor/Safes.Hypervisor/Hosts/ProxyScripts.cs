using System.Net;
using Safes.Rules.Outside;

namespace Safes.Hypervisor.Hosts;

/// <summary>What the agent is told to run for the way outside: in the proxy host, and in the hosts that use it. Each can be repeated.</summary>
internal static class ProxyScripts
{
    /// <summary>Where the proxy host sees its directory of the volume.</summary>
    public const string Files = "/safe/files", Logs = "/safe/log", Authority = "/safe/authority.pem", Certificates = "/run/safe-proxy/certificates", Process = "/run/squid.pid";

    /// <summary>Of what says reasons in answers' first lines.</summary>
    public const string Reasons = $"/run/{ReasonUnit}/socket";

    private const string ReasonUnit = "safe-proxy-reason";

    // It takes Squid's sockets, and has none of its own: no network, no other right. Without it Squid refuses as well, and fewer programs show why.
    private static readonly string SayReasons =
        $"systemd-run -q --unit={ReasonUnit} -p User=proxy -p AmbientCapabilities=CAP_SYS_PTRACE -p CapabilityBoundingSet=CAP_SYS_PTRACE -p NoNewPrivileges=yes " +
        $"-p PrivateNetwork=yes -p RestrictAddressFamilies=AF_UNIX -p RuntimeDirectory={ReasonUnit} -p RuntimeDirectoryMode=0700 -p MemoryMax=64M -p TasksMax=16 -p Restart=always -p RestartSec=1 " +
        $"/usr/bin/python3 {Files}/{SquidConfiguration.ReasonName} serve {Reasons} {Files} {SquidPlaces.Port} {Process}";

    /// <summary>Tells the proxy host who it is. It has no accounts and no sshd: there is no key for one.</summary>
    public static string Identity(HostDefinition host, string mac, string address, IWorld world, bool clone) => $"""
        set -e
        echo {host.Name} >/etc/hostname; hostname {host.Name}; echo {host.MachineId:n} >/etc/machine-id
        printf '127.0.0.1 localhost {host.Name}\n::1 localhost\n' >/etc/hosts
        printf '[Match]\nName=eth0\n[Link]\nMACAddress={mac}\n[Network]\nAddress={address}/24\nAddress={world.Address}/30\nGateway={world.Router}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' >/etc/systemd/network/50-safe.network
        networkctl reload
        mountpoint -q /safe || mount -t virtiofs -o nodev,nosuid,noexec safe /safe
        {GuestScripts.AwaitReseeding(clone)}
        n=0; until ip -4 -o address show dev eth0 | grep -q ' {world.Address}/'; do n=$((n+1)); [ $n -lt 500 ]; sleep .02; done
        """;

    /// <summary>Has Squid serve by the files as they are now.</summary>
    /// <param name="cut">It begins anew, which cuts all that goes through it; else what goes on goes on by the rules that held when it began.</param>
    public static string Serve(bool cut) => $"""
        set -e
        if [ ! -d {Certificates} ]; then
            mkdir -p /run/safe-proxy
            /usr/lib/squid/security_file_certgen -c -s {Certificates} -M 4MB >/dev/null
            chown -R proxy:proxy {Certificates}
        fi
        if {(cut ? "true" : $"! systemctl -q is-active {ReasonUnit}")}; then
            systemctl stop {ReasonUnit} 2>/dev/null || true
            systemctl reset-failed {ReasonUnit} 2>/dev/null || true
            {SayReasons} || true
        fi
        if {(cut ? "false" : "systemctl -q is-active safe-proxy")}; then
            systemctl kill --kill-whom=main -s HUP safe-proxy
        else
            systemctl stop safe-proxy 2>/dev/null || true
            systemctl reset-failed safe-proxy 2>/dev/null || true
            rm -f {Process}
            systemd-run -q --unit=safe-proxy -p Restart=on-failure -p RestartSec=1 -p LimitNOFILE=65536 /usr/sbin/squid -N -f {Files}/squid.conf
            n=0; until ss -Hltn 'sport = :{SquidPlaces.Port}' | grep -q .; do n=$((n+1)); [ $n -lt 300 ] || break; sleep .1; done
            if [ $n -ge 300 ]; then journalctl -q -u safe-proxy -n 5 -o cat >&2; exit 1; fi
        fi
        """;

    /// <summary>Squid opens its logs anew: they were put aside.</summary>
    public const string Reopen = "systemctl kill --kill-whom=main -s USR1 safe-proxy";

    /// <summary>Programs in a host find the proxy from now on, and trust its authority.</summary>
    /// <param name="direct">What is reached without it.</param>
    /// <param name="authority">Its certificate, PEM; checked by whoever made it.</param>
    public static string Use(IPAddress proxy, string authority, NotProxied direct) => $"""
        set -e
        p=http://{proxy}:{SquidPlaces.Port}
        env="http_proxy=$p
        https_proxy=$p
        HTTP_PROXY=$p
        HTTPS_PROXY=$p
        no_proxy={direct.List}
        NO_PROXY={direct.List}
        NODE_EXTRA_CA_CERTS={Certificate}
        REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
        SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
        touch /etc/environment
        sed -i '/^# safe: begin/,/^# safe: end/d' /etc/environment
        printf '# safe: begin, the way outside\n%s\n# safe: end\n' "$(echo "$env" | sed 's/^ *//')" >>/etc/environment
        printf 'Acquire::http::Proxy "%s";\nAcquire::https::Proxy "%s";\n' $p $p >/etc/apt/apt.conf.d/50-safe-proxy
        {direct.Script}
        printf 'Defaults env_keep += "http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE SSL_CERT_FILE"\n' >/etc/sudoers.d/50-safe-proxy
        chmod 0440 /etc/sudoers.d/50-safe-proxy
        cat >{Certificate}.new <<'PEM'
        {authority}
        PEM
        if cmp -s {Certificate}.new {Certificate}; then rm {Certificate}.new; else mv {Certificate}.new {Certificate}; update-ca-certificates >/dev/null 2>&1; fi
        """;

    /// <summary>There is no way outside, and nobody's authority is trusted for one.</summary>
    public const string Forget = $"""
        [ ! -f /etc/environment ] || sed -i '/^# safe: begin/,/^# safe: end/d' /etc/environment
        rm -f /etc/apt/apt.conf.d/50-safe-proxy /etc/sudoers.d/50-safe-proxy
        if [ -e {Certificate} ]; then rm {Certificate}; update-ca-certificates --fresh >/dev/null 2>&1; fi
        """;

    private const string Certificate = "/usr/local/share/ca-certificates/safe-proxy.crt";
}
