# Shared by ./test, ./demo, ./bench and the image recipes; sourced, never run. Needs bash and nothing else: what else is
# wanted it installs. Sets ROOT (the source tree) and CACHE (what outlives a run). Callers use `set -euo pipefail`.

# What is made here is for everybody to read, whatever the mask of who installs.
umask 022
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${SAFES_CACHE:-$([ "$(id -u)" = 0 ] && echo /var/cache/safes || echo "$ROOT/.cache")}
LOGS=${SAFES_LOGS:-$ROOT/.cache/logs}
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
export DOTNET_CLI_HOME=${DOTNET_CLI_HOME:-${HOME:-$ROOT/.cache/home}} HOME=${HOME:-$ROOT/.cache/home}
# No build server may outlive the run: it would keep this tree, or a mount of a test, busy.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false

# Packages by what they are for. Names that differ between Debian 12 and 13 are chosen by what the archive has.
PACKAGES_BUILD=(clang lld zlib1g-dev libc6-dev gcc ca-certificates curl 'libicu76|libicu72' 'libssl3t64|libssl3')
PACKAGES_QUICK=(openssh-client python3 python3-cryptography python3-argon2)
PACKAGES_DEVICE=(openssh-client iproute2 nftables wireguard-tools wireguard-go)
PACKAGES_PARTS=(iproute2 nftables dmsetup wireguard-tools wireguard-go e2fsprogs util-linux kmod procps tcpdump openssh-client mmdebstrap cpio xz-utils zstd socat
    gdb aeskeyfind linux-libc-dev git python3 squid-openssl dnsmasq-base)
PACKAGES_BENCH=(libvirt-clients libvirt-daemon libvirt-daemon-driver-qemu)

say() { printf '%s\n' "$*"; }
note() { printf '  ! %s\n' "$*"; }
is_root() { [ "$(id -u)" = 0 ]; }

# die WHAT [HINT]: what happened, then what to do.
die() {
    printf '%s: error: %s\n' "${ME:-safes}" "$1" >&2
    [ $# -lt 2 ] || printf '%s: hint:  %s\n' "${ME:-safes}" "$2" >&2
    exit 1
}

# progress NAME: after three seconds says what runs; every second on a terminal, ever more rarely elsewhere.
progress() {
    local start=$SECONDS next=3 took
    trap 'exit 0' TERM
    while sleep 1; do
        took=$((SECONDS - start))
        ((took >= next)) || continue
        if [ -t 1 ]; then
            printf '\r  … %-28s %3d s' "$1" "$took"
            next=$((took + 1))
        else
            printf '  … %-28s %3d s\n' "$1" "$took"
            next=$((took * 4))
        fi
    done
}

# step NAME COMMAND..: runs it with its output in a log; one line when it is done, a sign of life while it takes long.
step() {
    local name=$1 log start=$SECONDS status=0 ticker
    shift
    mkdir -p "$LOGS"
    log=$LOGS/$(printf '%s' "$name" | tr -c 'A-Za-z0-9' '-').log
    progress "$name" & ticker=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    [ ! -t 1 ] || printf '\r%*s\r' 48 ''
    if [ $status = 0 ]; then
        local took=$((SECONDS - start))
        if ((took > 0)); then printf '  ✓ %-28s %3d s\n' "$name" "$took"; else printf '  ✓ %s\n' "$name"; fi
    else
        if [ -s "$log" ]; then
            printf '  ✗ %s (exit status %d); the end of %s:\n' "$name" "$status" "$log"
            tail -n 40 "$log" | sed 's/^/      /'
        else
            printf '  ✗ %s (exit status %d), without a word; it was: %s\n' "$name" "$status" "$*"
        fi
        return "$status"
    fi
}

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# The first of a|b|c that is installed, else the first that the archive has.
choose_package() {
    local one alternatives
    IFS='|' read -ra alternatives <<<"$1"
    for one in "${alternatives[@]}"; do ! installed "$one" || { say "$one"; return; }; done
    for one in "${alternatives[@]}"; do ! apt-cache show "$one" >/dev/null 2>&1 || { say "$one"; return; }; done
    say "${alternatives[0]}"
}

# starting_nothing COMMAND..: what is installed here is called by us; no service of it starts by itself, nor listens to anybody.
starting_nothing() {
    local policy=/usr/sbin/policy-rc.d made='' status=0
    if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made=1; fi
    "$@" || status=$?
    [ -z "$made" ] || rm -f "$policy"
    return $status
}

# need_packages PACKAGE..: installs what is missing; not as root, says the one command that does.
need_packages() {
    local wanted missing=() one
    for wanted in "$@"; do
        local found=
        for one in ${wanted//|/ }; do ! installed "$one" || found=1; done
        [ -n "$found" ] || missing+=("$wanted")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    is_root || die "these packages are missing: ${missing[*]//|/ or }" "as root: apt-get install ${missing[*]%%|*}"
    [ -n "${SAFES_APT_UPDATED:-}" ] || step 'package lists' apt-get -qq update
    export SAFES_APT_UPDATED=1
    local names=()
    for wanted in "${missing[@]}"; do names+=("$(choose_package "$wanted")"); done
    step "packages: ${#names[@]}" starting_nothing env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${names[@]}"
}

has_sdk() { "$1" --list-sdks 2>/dev/null | grep -q '^10\.'; }

NO_SDK="fetch it elsewhere (dotnet.microsoft.com/download/dotnet/10.0, SDK, Linux x64), then: mkdir -p $ROOT/.dotnet && tar -xzf dotnet-sdk-10.0.*.tar.gz -C $ROOT/.dotnet"

# need_dotnet: DOTNET becomes a dotnet with a .NET 10 SDK: on PATH, in ./.dotnet, or fetched there.
need_dotnet() {
    local script=$ROOT/.cache/dotnet-install.sh why
    if has_sdk dotnet 2>/dev/null; then
        DOTNET=dotnet
    elif has_sdk "$ROOT/.dotnet/dotnet" 2>/dev/null; then
        DOTNET=$ROOT/.dotnet/dotnet
    else
        say "The .NET 10 SDK is not in Debian; fetching it with Microsoft's install script into .dotnet (about 220 MB)"
        mkdir -p "$ROOT/.cache"
        if ! command -v curl >/dev/null; then need_packages curl ca-certificates; fi
        why=$(curl -fsSL --max-time 60 -o "$script" https://dot.net/v1/dotnet-install.sh 2>&1) ||
            die "the .NET 10 SDK could not be fetched: ${why:-dot.net does not answer}" "$NO_SDK"
        step '.NET 10 SDK' bash "$script" --channel 10.0 --install-dir "$ROOT/.dotnet" ||
            die 'the .NET 10 SDK could not be fetched' "$NO_SDK"
        DOTNET=$ROOT/.dotnet/dotnet
    fi
    if [ "$DOTNET" != dotnet ]; then export PATH=$ROOT/.dotnet:$PATH; fi
    # What is built starts by itself, and looks for the runtime there: an SDK may lie anywhere.
    DOTNET_ROOT=$(dirname "$(readlink -f "$(command -v dotnet)")")
    export DOTNET_ROOT
}

# Built, and the accelerator asked, a moment ago by who calls: SAFES_BUILT.
build() { [ -n "${SAFES_BUILT:-}" ] || step 'build' "$DOTNET" build "$ROOT/Safes.slnx" -v quiet -clp:ErrorsOnly --nologo; }

# Everything that decides what the programs become.
source_hash() {
    (cd "$ROOT" && find src proto Directory.Build.props Directory.Packages.props global.json -type f -not -path '*/obj/*' -not -path '*/bin/*' -print0 |
        sort -z | xargs -0 sha256sum) | sha256sum | cut -c 1-16
}

# publish safe|safed|safe-gateway: as it is shipped, in .cache/publish/NAME. Objects of its own, so that it and the build never disturb each other.
publish() {
    local name=$1 project how=(-p:PublishAot=true)
    case $name in
    safe) project=src/client/Safes.Cli ;;
    safe-gateway) project=src/gateway/Safes.Gateway ;;
    safed) project=src/hypervisor/Safes.Hypervisor how=(--self-contained) ;;
    *) die "no program '$name' to publish" ;;
    esac
    stamp=$ROOT/.cache/publish/$name.sources
    hash=$(source_hash)
    if [ -x "$ROOT/.cache/publish/$name/$name" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then return 0; fi
    step "publish $name" "$DOTNET" publish "$ROOT/$project" -r linux-x64 -c Release -v quiet --nologo "${how[@]}" \
        -p:RestoreLockedMode=false -p:RestorePackagesWithLockFile=false --artifacts-path "$ROOT/.cache/artifacts/$name" -o "$ROOT/.cache/publish/$name"
    [ -x "$ROOT/.cache/publish/$name/$name" ] || die "publishing $name made no program"
    echo "$hash" >"$stamp"
}

# The tools directory: QEMU and virtiofsd that can suspend, a kernel, busybox. SAFES_TOOLS names it.
need_tools() {
    export SAFES_TOOLS=${SAFES_TOOLS:-$CACHE/tools}
    step 'tools: QEMU, virtiofsd, kernel' "$ROOT/packaging/tools" "$SAFES_TOOLS"
    [ -n "${SAFES_BUILT:-}" ] || step 'accelerator asked' "$ROOT/packaging/accelerator" "$SAFES_TOOLS"
}

# Everything that decides what an image becomes: the recipe's files, the tools, and further files given.
recipe_hash() {
    local folder=$1
    shift
    { (cd "$ROOT/$folder" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
      cat "$ROOT/packaging/tools"
      [ $# = 0 ] || cat "$@" | sha256sum; } | sha256sum | cut -c 1-16
}

# need_image gateway|workspace: builds it unless this very recipe was built before; SAFES_GATEWAY_IMAGE or SAFES_WORKSPACE_IMAGE names it.
need_image() {
    local name=$1 hash out inputs=()
    if [ "$name" = gateway ]; then
        inputs=("$ROOT/.cache/publish/safe-gateway/safe-gateway")
        export SAFES_GATEWAY_BINARY=${inputs[0]}
    fi
    hash=$(recipe_hash "images/$name" "${inputs[@]}")
    out=$CACHE/images/$name-$hash
    if [ ! -f "$out/manifest.json" ]; then
        rm -rf "$out.new"
        mkdir -p "$CACHE/images"
        step "image: $name" "$ROOT/images/$name/build" "$out.new"
        mv "$out.new" "$out"
    fi
    ln -sfn "$name-$hash" "$CACHE/images/$name"
    if [ "$name" = gateway ]; then export SAFES_GATEWAY_IMAGE=$out; else export SAFES_WORKSPACE_IMAGE=$out; fi
}
