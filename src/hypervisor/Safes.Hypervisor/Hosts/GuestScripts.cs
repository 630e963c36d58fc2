using System.Text;

namespace Safes.Hypervisor.Hosts;

/// <summary>
/// What the agent is told to run in a host. Each can be repeated. All that is filled in was checked before: names, addresses, numbers,
/// base64.
/// </summary>
internal static class GuestScripts
{
    /// <summary>The line that the kernel logs when a new generation id made it reseed. Before it, a clone's random numbers are another clone's.</summary>
    private const string Reseeded = "dmesg | grep -q 'crng reseeded due to virtual machine fork'";

    public static string AwaitReseeding(bool clone) => clone ? $"n=0; until {Reseeded}; do n=$((n+1)); [ $n -lt 500 ]; sleep .02; done" : "";

    /// <summary>Tells a host who it is; prints its public host key and nothing else. What a cut in the first seconds left empty or damaged is made anew.</summary>
    /// <param name="clone">It goes on from a bundle's memory, so it has to reseed before it makes a key.</param>
    public static string Identity(HostDefinition host, string network, string zone, string names, string userAuthority, string accounts, bool clone) => $"""
        set -e
        exec 3>&1 >&2
        name={host.Name} id={host.MachineId:n}
        if [ "$(cat /etc/machine-id)" != $id ] || [ "$(cat /etc/hostname 2>/dev/null)" != $name ] || [ ! -s {NetworkFile} ]; then
            echo $name >/etc/hostname; hostname $name; echo $id >/etc/machine-id
            printf '127.0.0.1 localhost\n127.0.1.1 %s.{zone} %s\n::1 localhost\n' $name $name >/etc/hosts
            sed -i 's/noauto,//' /etc/fstab
        fi
        {network} &
        {names}
        {(clone ? "" : $"{GrowDisk} &")}
        (
        {accounts}
        ) >/run/accounts.log 2>&1 & accounts=$!
        mountpoint -q /safe || mount -t virtiofs -o nodev,nosuid safe /safe
        echo '{userAuthority}' >/etc/ssh/user_ca.pub
        {AwaitReseeding(clone)}
        cd /etc/ssh
        ssh-keygen -q -y -P '' -f ssh_host_ed25519_key >/run/ssh_host_key.pub </dev/null || (
            rm -f ssh_host_ed25519_key*
            ssh-keygen -q -t ed25519 -N '' -C '' -f ssh_host_ed25519_key
            cp ssh_host_ed25519_key.pub /run/ssh_host_key.pub
        )
        cmp -s /run/ssh_host_key.pub ssh_host_ed25519_key.pub || cp /run/ssh_host_key.pub ssh_host_ed25519_key.pub
        wait $accounts || (cat /run/accounts.log >&2; exit 1)
        wait
        cat /run/ssh_host_key.pub >&3
        """;

    /// <summary>
    /// Its addresses, static. It has none of the link's own and believes no router; that its IPv6 address is nobody else's is known. Where
    /// there is nobody to ask for names, a question fails at once.
    /// </summary>
    public static string Network(string mac, string address, string address6, string gateway) => $"""
        (wanted='[Match]
        Name=eth0
        [Link]
        MACAddress={mac}
        [Network]
        Address={address}/24
        Gateway={gateway}
        LinkLocalAddressing=no
        IPv6AcceptRA=no
        [Address]
        Address={address6}/64
        DuplicateAddressDetection=none'
        if [ "$(cat {NetworkFile} 2>/dev/null)" != "$wanted" ]; then
            echo "$wanted" >{NetworkFile}
            networkctl reload
        fi)
        """;

    private const string NetworkFile = "/etc/systemd/network/50-safe.network";

    /// <summary>
    /// Gives the host its signed key; its sshd takes it. After a start somebody waits to log in, and a reload stops listening for a moment.
    /// A host that boots with a key that a cut left empty has tried to start its sshd until systemd would not any more: that is forgotten.
    /// </summary>
    public static string Certificate(string certificate, bool first) => $"""
        echo '{certificate}' >/etc/ssh/ssh_host_ed25519_key-cert.pub
        {(first ? "systemctl reset-failed ssh 2>/dev/null; systemctl restart ssh" : "if [ -s /run/sshd.pid ]; then kill -HUP $(cat /run/sshd.pid); else systemctl start ssh; fi")}
        """;

    /// <summary>Makes durable who the host is, and lets its journal know. Nobody need wait for it: a host that forgot is told again when it boots.</summary>
    public const string Keep = "sync; systemctl --no-block restart systemd-journald";

    /// <summary>Exactly these members have accounts; those of others are shut, their files stay.</summary>
    public static string Accounts(IEnumerable<MemberAccount> accounts)
    {
        var script = new StringBuilder("""
            account() {
                id -u $1 >/dev/null 2>&1 || useradd -M -u $2 -g team -s /bin/bash $1 || exit 1
                [ -d /home/$1 ] || { cp -r /etc/skel /home/$1 && chown -R $1:team /home/$1 && chmod 750 /home/$1; } || exit 1
                usermod -s /bin/bash -e '' $1 || exit 1
                keep="$keep $1 "
            }
            keep=' '

            """);
        foreach (var account in accounts.Where(HostName.IsAccount))
        {
            script.Append(System.Globalization.CultureInfo.InvariantCulture, $"account {account.Name} {account.User}\n");
        }

        return script.Append("""
            while IFS=: read -r name x uid rest; do
                if [ $uid -ge 3001 ] && [ $uid -lt 4000 ]; then
                    case "$keep" in
                        *" $name "*) ;;
                        *) usermod -s /usr/sbin/nologin -e 1 $name; pkill -KILL -u $uid; true ;;
                    esac
                fi
            done </etc/passwd
            """).ToString();
    }

    /// <summary>
    /// The way down of a host whose share answers no more: what waits for that never ends, and the usual way would wait for it, too. Everything
    /// is asked to end and has a moment for it, its disk is written back, and the power goes. In a unit of its own: the agent ends with the rest.
    /// </summary>
    public const string CutShort = "systemd-run --quiet --collect sh -c 'sleep .5; kill -TERM -1; sleep 3; sync -f /; echo o >/proc/sysrq-trigger'";

    /// <summary>Its file system gets all of its disk. At every boot: a cut may have come between the two.</summary>
    public const string GrowDisk = "resize2fs /dev/vda >/dev/null 2>&1";
}
