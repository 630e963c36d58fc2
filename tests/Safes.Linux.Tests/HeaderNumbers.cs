namespace Safes.Linux.Tests;

/// <summary>What in Safes.Linux comes from which header. A new number there needs a row here.</summary>
internal static class HeaderNumbers
{
    public static readonly string[] Includes =
    [
        "stdio.h", "stddef.h", "dirent.h", "errno.h", "fcntl.h", "signal.h", "spawn.h", "sched.h", "termios.h", "time.h", "unistd.h", "poll.h", "stdlib.h", "net/if.h",
        "sys/ioctl.h", "sys/mman.h", "sys/mount.h", "sys/prctl.h", "sys/reboot.h", "sys/resource.h", "sys/socket.h", "sys/stat.h", "sys/statfs.h", "sys/statvfs.h", "sys/syscall.h", "sys/uio.h", "sys/un.h",
        "sys/wait.h", "sys/file.h", "sys/timerfd.h", "sys/timex.h", "linux/openat2.h", "linux/if_tun.h", "linux/seccomp.h", "linux/filter.h", "linux/fscrypt.h", "linux/fs.h", "linux/loop.h", "linux/keyctl.h",
        "linux/magic.h", "linux/reboot.h", "linux/falloc.h", "linux/vm_sockets.h", "linux/netlink.h", "linux/rtnetlink.h", "linux/netfilter/nfnetlink.h",
    ];

    /// <summary>What headers older than the calls lack: Debian 12's glibc and kernel headers.</summary>
    public static readonly string[] Newer =
    [
        "#ifndef SYS_memfd_secret", "#define SYS_memfd_secret 447", "#endif", "#ifndef P_PIDFD", "#define P_PIDFD 3", "#endif",
        "#ifndef SMB2_SUPER_MAGIC", "#define SMB2_SUPER_MAGIC 0xFE534D42", "#endif", "#ifndef CIFS_SUPER_MAGIC", "#define CIFS_SUPER_MAGIC 0xFF534D42", "#endif",
        "#ifndef MS_NOSYMFOLLOW", "#define MS_NOSYMFOLLOW 256", "#endif", "#ifndef LOOP_MAJOR", "#define LOOP_MAJOR 7", "#endif",
    ];

    /// <summary>Our own bounds, and places in a line of /proc/PID/stat: no header has them.</summary>
    public static readonly string[] NotOfTheKernel = ["Tool.OutputLimit", "ProcessTable.Parent", "ProcessTable.UserTime", "ProcessTable.SystemTime"];

    public static readonly (string Ours, string Header)[] Constants =
    [
        ("BootClock.ClockBoottime", "CLOCK_BOOTTIME"), ("ProcessTable.TicksPerSecond", "sysconf(_SC_CLK_TCK)"),
        ("Errno.NotPermitted", "EPERM"), ("Errno.NoEntry", "ENOENT"), ("Errno.Interrupted", "EINTR"), ("Errno.Io", "EIO"), ("Errno.Again", "EAGAIN"),
        ("Errno.Access", "EACCES"), ("Errno.Busy", "EBUSY"), ("Errno.Exists", "EEXIST"), ("Errno.Invalid", "EINVAL"), ("Errno.NoSpace", "ENOSPC"),
        ("Errno.ReadOnly", "EROFS"), ("Errno.CrossDevice", "EXDEV"), ("Errno.BrokenPipe", "EPIPE"), ("Errno.NameTooLong", "ENAMETOOLONG"), ("Errno.QuotaExceeded", "EDQUOT"), ("Errno.NotSupported", "EOPNOTSUPP"), ("Errno.NoKey", "ENOKEY"),
        ("Errno.NoBuffers", "ENOBUFS"), ("Errno.NoChild", "ECHILD"), ("Errno.NoProcess", "ESRCH"),
        ("Errno.NoDeviceOrAddress", "ENXIO"), ("Errno.NoDevice", "ENODEV"), ("Errno.NotDirectory", "ENOTDIR"), ("Errno.NoTerminalCall", "ENOTTY"),
        ("Errno.TooManyLinks", "ELOOP"), ("Errno.NoData", "ENODATA"), ("Errno.IsDirectory", "EISDIR"),
        ("Fcntl.ReadOnly", "O_RDONLY"), ("Fcntl.WriteOnly", "O_WRONLY"), ("Fcntl.ReadWrite", "O_RDWR"), ("Fcntl.Create", "O_CREAT"), ("Fcntl.Exclusive", "O_EXCL"),
        ("Fcntl.Truncate", "O_TRUNC"), ("Fcntl.Append", "O_APPEND"), ("Fcntl.NonBlock", "O_NONBLOCK"), ("Fcntl.Directory", "O_DIRECTORY"), ("Fcntl.NoFollow", "O_NOFOLLOW"),
        ("Fcntl.CloseOnExec", "O_CLOEXEC"), ("Fcntl.PathOnly", "O_PATH"), ("Fcntl.Nameless", "O_TMPFILE"), ("Fcntl.DuplicateCloseOnExec", "F_DUPFD_CLOEXEC"), ("Fcntl.SyscallOpenat2", "SYS_openat2"),
        ("Fcntl.RangeWaitBefore", "SYNC_FILE_RANGE_WAIT_BEFORE"), ("Fcntl.RangeWrite", "SYNC_FILE_RANGE_WRITE"), ("Fcntl.RangeWaitAfter", "SYNC_FILE_RANGE_WAIT_AFTER"),
        ("Fcntl.ResolveNoXdev", "RESOLVE_NO_XDEV"), ("Fcntl.ResolveNoMagicLinks", "RESOLVE_NO_MAGICLINKS"), ("Fcntl.ResolveNoSymlinks", "RESOLVE_NO_SYMLINKS"),
        ("Fcntl.ResolveBeneath", "RESOLVE_BENEATH"),
        ("FileStatus.TypeMask", "S_IFMT"),
        ("Fscrypt.AddKeyHeader", "offsetof(struct fscrypt_add_key_arg, raw)"), ("Fscrypt.IdentifierLength", "FSCRYPT_KEY_IDENTIFIER_SIZE"),
        ("Fscrypt.PolicyLength", "sizeof(struct fscrypt_policy_v2)"), ("Fscrypt.Absent", "FSCRYPT_KEY_STATUS_ABSENT"), ("Fscrypt.Present", "FSCRYPT_KEY_STATUS_PRESENT"),
        ("Fscrypt.IncompletelyRemoved", "FSCRYPT_KEY_STATUS_INCOMPLETELY_REMOVED"), ("Fscrypt.FilesBusy", "FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY"),
        ("Fscrypt.AddKeyRequest", "FS_IOC_ADD_ENCRYPTION_KEY"), ("Fscrypt.RemoveKeyAllUsersRequest", "FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS"),
        ("Fscrypt.KeyStatusRequest", "FS_IOC_GET_ENCRYPTION_KEY_STATUS"), ("Fscrypt.SetPolicyRequest", "FS_IOC_SET_ENCRYPTION_POLICY"),
        ("Fscrypt.GetPolicyExRequest", "FS_IOC_GET_ENCRYPTION_POLICY_EX"), ("Fscrypt.ByIdentifier", "FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER"),
        ("Hardening.SetDumpable", "PR_SET_DUMPABLE"), ("Hardening.LimitCore", "RLIMIT_CORE"),
        ("Loop.Major", "LOOP_MAJOR"), ("Loop.ClearFd", "LOOP_CLR_FD"), ("Loop.GetStatus64", "LOOP_GET_STATUS64"), ("Loop.Configure", "LOOP_CONFIGURE"),
        ("Loop.ControlGetFree", "LOOP_CTL_GET_FREE"), ("Loop.SetReadAhead", "BLKRASET"), ("Loop.AutoClear", "LO_FLAGS_AUTOCLEAR"), ("Loop.DirectIo", "LO_FLAGS_DIRECT_IO"),
        ("Loop.ConfigLength", "sizeof(struct loop_config)"), ("Loop.InfoAt", "offsetof(struct loop_config, info)"), ("Loop.InfoLength", "sizeof(struct loop_info64)"),
        ("Loop.FlagsAt", "offsetof(struct loop_info64, lo_flags)"),
        ("Machine.AutoBoot", "RB_AUTOBOOT"), ("Poll.Input", "POLLIN"),
        ("Mman.SyscallMemfdSecret", "SYS_memfd_secret"), ("Mman.SecretCloseOnExec", "FD_CLOEXEC << 19"), ("Mman.DontFork", "MADV_DONTFORK"), ("Mman.DontDump", "MADV_DONTDUMP"),
        ("Mman.WipeOnFork", "MADV_WIPEONFORK"), ("Mman.Read", "PROT_READ"), ("Mman.Write", "PROT_WRITE"), ("Mman.Shared", "MAP_SHARED"),
        ("Mman.Private", "MAP_PRIVATE"), ("Mman.Anonymous", "MAP_ANONYMOUS"),
        ("Mount.ReadOnly", "MS_RDONLY"), ("Mount.NoSetuid", "MS_NOSUID"), ("Mount.NoDevices", "MS_NODEV"), ("Mount.NoExec", "MS_NOEXEC"), ("Mount.NoAccessTime", "MS_NOATIME"),
        ("Mount.NoSymbolicFollow", "MS_NOSYMFOLLOW"), ("Mount.Bind", "MS_BIND"), ("Mount.Recursive", "MS_REC"), ("Mount.Private", "MS_PRIVATE"),
        ("Mount.UnmountNoFollow", "UMOUNT_NOFOLLOW"), ("Mount.SyscallOpenTree", "SYS_open_tree"), ("Mount.SyscallMoveMount", "SYS_move_mount"),
        ("Mount.SyscallMountSetattr", "SYS_mount_setattr"), ("Mount.TreeClone", "OPEN_TREE_CLONE"), ("Mount.TreeCloseOnExec", "OPEN_TREE_CLOEXEC"),
        ("Mount.FromTheDescriptor", "MOVE_MOUNT_F_EMPTY_PATH"), ("Mount.AttributeReadOnly", "MOUNT_ATTR_RDONLY"), ("Mount.WithAllBelow", "AT_RECURSIVE"),
        ("Mount.WorkingDirectory", "AT_FDCWD"), ("Mount.AttributesSize", "MOUNT_ATTR_SIZE_VER0"),
        ("Netlink.Family", "AF_NETLINK"), ("Netlink.Raw", "SOCK_RAW"), ("Netlink.CloseOnExec", "SOCK_CLOEXEC"), ("Netlink.NonBlock", "SOCK_NONBLOCK"),
        ("Netlink.Route", "NETLINK_ROUTE"), ("Netlink.Netfilter", "NETLINK_NETFILTER"), ("Netlink.AddressLength", "sizeof(struct sockaddr_nl)"),
        ("Netlink.LinkGroup", "RTNLGRP_LINK"), ("Netlink.AddressGroup", "RTNLGRP_IPV4_IFADDR"), ("Netlink.SettingGroup", "RTNLGRP_IPV4_NETCONF"),
        ("Netlink.RulesGroup", "NFNLGRP_NFTABLES"),
        ("PidFd.SyscallPidfdOpen", "SYS_pidfd_open"), ("PidFd.SyscallPidfdSendSignal", "SYS_pidfd_send_signal"), ("PidFd.PollIn", "POLLIN"),
        ("Rights.NoSignal", "MSG_NOSIGNAL"), ("Rights.CloseOnExec", "MSG_CMSG_CLOEXEC"), ("Rights.SolSocket", "SOL_SOCKET"), ("Rights.ScmRights", "SCM_RIGHTS"), ("Rights.PeerCredentials", "SO_PEERCRED"),
        ("Rights.Unix", "AF_UNIX"), ("Rights.Seqpacket", "SOCK_SEQPACKET"), ("Rights.SocketCloseOnExec", "SOCK_CLOEXEC"),
        ("Sched.NewMount", "CLONE_NEWNS"), ("Sched.NewNetwork", "CLONE_NEWNET"), ("Sched.SharedFileSystemState", "CLONE_FS"),
        ("Seccomp.SetNoNewPrivileges", "PR_SET_NO_NEW_PRIVS"), ("Seccomp.SetSeccomp", "PR_SET_SECCOMP"), ("Seccomp.ModeFilter", "SECCOMP_MODE_FILTER"),
        ("Seccomp.LoadWord", "BPF_LD | BPF_W | BPF_ABS"), ("Seccomp.JumpIfEqual", "BPF_JMP | BPF_JEQ | BPF_K"), ("Seccomp.Return", "BPF_RET | BPF_K"),
        ("Seccomp.ReturnErrno", "SECCOMP_RET_ERRNO"), ("Seccomp.ReturnAllow", "SECCOMP_RET_ALLOW"), ("Seccomp.HugePages", "MADV_HUGEPAGE"),
        ("Seccomp.NumberAt", "offsetof(struct seccomp_data, nr)"), ("Seccomp.ThirdArgumentAt", "offsetof(struct seccomp_data, args[2])"),
        ("SignalNumbers.Hangup", "SIGHUP"), ("SignalNumbers.Interrupt", "SIGINT"), ("SignalNumbers.BadSystemCall", "SIGSYS"), ("SignalNumbers.Kill", "SIGKILL"), ("SignalNumbers.Terminate", "SIGTERM"),
        ("SignalNumbers.Continue", "SIGCONT"), ("SignalNumbers.Stop", "SIGSTOP"),
        ("Spawn.SetSignalDefaults", "POSIX_SPAWN_SETSIGDEF"), ("Spawn.SetSignalMask", "POSIX_SPAWN_SETSIGMASK"), ("Spawn.SetSession", "POSIX_SPAWN_SETSID"),
        ("Fcntl.NoControllingTerminal", "O_NOCTTY"),
        ("Termios.Echo", "ECHO"), ("Termios.EchoNewline", "ECHONL"), ("Termios.Now", "TCSANOW"), ("Termios.Flush", "TCSAFLUSH"),
        ("Stat.AtCurrent", "AT_FDCWD"), ("Stat.NoFollow", "AT_SYMLINK_NOFOLLOW"), ("Stat.EmptyPath", "AT_EMPTY_PATH"), ("Stat.DoNotSync", "AT_STATX_DONT_SYNC"),
        ("Stat.BasicStats", "STATX_BASIC_STATS"), ("Stat.MountIdWanted", "STATX_MNT_ID"),
        ("Statfs.Nfs", "NFS_SUPER_MAGIC"), ("Statfs.Smb2", "SMB2_SUPER_MAGIC"), ("Statfs.Cifs", "CIFS_SUPER_MAGIC"), ("Stdio.NoReplace", "RENAME_NOREPLACE"), ("Dirent.NameAt", "offsetof(struct dirent, d_name)"),
        ("Time.ClockRealtime", "CLOCK_REALTIME"),
        ("Wait.All", "P_ALL"), ("Wait.ByPid", "P_PID"), ("Wait.NoHang", "WNOHANG"), ("Wait.Exited", "WEXITED"), ("Wait.NoWait", "WNOWAIT"),
        ("Timex.Length", "sizeof(struct timex)"), ("Timex.StatusAt", "offsetof(struct timex, status)"), ("Timex.Unsynchronised", "STA_UNSYNC"), ("Timex.ErrorState", "TIME_ERROR"),
        ("SysFile.Shared", "LOCK_SH"), ("SysFile.Exclusive", "LOCK_EX"), ("SysFile.NonBlocking", "LOCK_NB"), ("SysFile.Release", "LOCK_UN"),
        ("Tun.TunSetIff", "TUNSETIFF"), ("Tun.Tap", "IFF_TAP"), ("Tun.NoPacketInformation", "IFF_NO_PI"), ("Tun.VirtioHeader", "IFF_VNET_HDR"),
    ];

    public static readonly (string Ours, string Header, string Fields)[] Structures =
    [
        ("BootClock.Timespec", "struct timespec", "tv_sec tv_nsec"),
        ("Time.Timespec", "struct timespec", "tv_sec tv_nsec"),
        ("Fcntl.OpenHow", "struct open_how", "flags mode resolve"),
        ("Poll.Entry", "struct pollfd", "fd events revents"),
        ("PidFd.PollFd", "struct pollfd", "fd events revents"),
        ("Rights.IoVector", "struct iovec", "iov_base iov_len"),
        ("Rights.Message", "struct msghdr", "msg_name msg_namelen msg_iov msg_iovlen msg_control msg_controllen msg_flags"),
        ("Seccomp.Instruction", "struct sock_filter", "code jt jf k"),
        ("Termios.Settings", "struct termios", "c_iflag c_oflag c_cflag c_lflag c_line c_cc c_ispeed c_ospeed"),
        ("Seccomp.Program", "struct sock_fprog", "len filter"),
    ];

    public static readonly (string Header, long Bytes)[] Buffers =
    [
        ("sizeof(posix_spawn_file_actions_t)", 80), ("sizeof(posix_spawnattr_t)", 336), ("sizeof(sigset_t)", 128),
        ("sizeof(siginfo_t)", 128), ("offsetof(siginfo_t, si_code)", 8), ("offsetof(siginfo_t, si_status)", 24), ("CLD_EXITED", 1), ("P_PID", 1), ("WEXITED", 4),
        ("sizeof(struct ifreq)", 40), ("offsetof(struct ifreq, ifr_flags)", 16), ("sizeof(struct rlimit)", 16), ("CMSG_SPACE(0)", 16), ("CMSG_LEN(0)", 16),
        ("SYS_madvise", 28), ("offsetof(siginfo_t, si_pid)", 16), ("sizeof(struct statfs)", 120), ("offsetof(struct statfs, f_bsize)", 8),
        ("offsetof(struct statfs, f_blocks)", 16), ("offsetof(struct statfs, f_bavail)", 32),
        ("sizeof(struct statx)", 256), ("offsetof(struct statx, stx_nlink)", 16), ("offsetof(struct statx, stx_uid)", 20), ("offsetof(struct statx, stx_gid)", 24),
        ("offsetof(struct statx, stx_mode)", 28), ("offsetof(struct statx, stx_ino)", 32), ("offsetof(struct statx, stx_size)", 40), ("offsetof(struct statx, stx_blocks)", 48),
        ("offsetof(struct statx, stx_mtime)", 112), ("offsetof(struct statx_timestamp, tv_nsec)", 8), ("offsetof(struct statx, stx_dev_major)", 136),
        ("offsetof(struct statx, stx_dev_minor)", 140), ("offsetof(struct statx, stx_mnt_id)", 144), ("S_IFREG", 0x8000), ("S_IFDIR", 0x4000), ("S_IFLNK", 0xa000),
        ("sizeof(struct fscrypt_remove_key_arg)", 64), ("offsetof(struct fscrypt_remove_key_arg, removal_status_flags)", 40),
        ("sizeof(struct fscrypt_get_key_status_arg)", 128), ("offsetof(struct fscrypt_get_key_status_arg, status)", 64),
        ("offsetof(struct fscrypt_get_policy_ex_arg, policy)", 8), ("offsetof(struct fscrypt_add_key_arg, raw_size)", 40),
        ("offsetof(struct loop_info64, lo_device)", 0), ("offsetof(struct loop_info64, lo_inode)", 8),
        ("SYS_finit_module", 313),
    ];
}
