/**
 * System calls that a sandboxed command may not make: those that Docker's documentation says its default profile blocks,
 * and the newer ones that do the same. Everything else is allowed.
 */
const DENIED: readonly string[] = (
  "_sysctl acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module fsconfig fsmount fsopen " +
  "fspick get_kernel_syms init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load " +
  "kexec_load keyctl lookup_dcookie mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree " +
  "perf_event_open pivot_root query_module quotactl quotactl_fd reboot request_key setns settimeofday stime swapoff swapon " +
  "sysfs umount umount2 unshare uselib userfaultfd ustat vhangup vm86 vm86old"
).split(" ");

const EPERM = 1;
const ENOSYS = 38;
const AF_VSOCK = 40;

/** CLONE_NEW* of each namespace but that of time, which clone(2) cannot make. */
const NAMESPACE_FLAGS = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000];

const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, readonly string[]>>> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
  s390x: ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
  ppc64: ["SCMP_ARCH_PPC64LE"],
  riscv64: ["SCMP_ARCH_RISCV64"],
};

/** `linux.seccomp` of a bundle; `undefined` on machines it has not been thought through for. */
export function seccompProfile(arch: NodeJS.Architecture): object | undefined {
  const architectures = ARCHITECTURES[arch];
  if (architectures === undefined) return undefined;
  // Its flags are the second argument there.
  const flagsAt = arch === "s390x" ? 1 : 0;
  const deny = (names: readonly string[], args: readonly object[] = [], errnoRet = EPERM): object => ({
    names,
    action: "SCMP_ACT_ERRNO",
    errnoRet,
    args,
  });
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures,
    syscalls: [
      deny(DENIED),
      ...NAMESPACE_FLAGS.map((flag) =>
        deny(["clone"], [{ index: flagsAt, value: flag, valueTwo: flag, op: "SCMP_CMP_MASKED_EQ" }]),
      ),
      // Its flags are in memory, where no filter can look; C libraries fall back to clone.
      deny(["clone3"], [], ENOSYS),
      deny(["socket"], [{ index: 0, value: AF_VSOCK, op: "SCMP_CMP_EQ" }]),
    ],
  };
}
