/** How a command is started, what surrounds it, and how it ends. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Executor } from "../../executor/contract.js";
import { type ExecutorCase, has } from "./case.js";
import type { Lab, LayerMember } from "./lab.js";

export const COMMAND_CASES: readonly ExecutorCase[] = [
  {
    name: "L3: the environment is the one given, and no other",
    async run(executor, lab) {
      const env = [
        "PATH=/bin",
        "EMPTY=",
        "SPACES= a  b ",
        "QUOTES='\"$(id)`id`\\",
        "LINES=a\nb",
        "UNICODE=ü",
        "LANG=C.UTF-8",
      ];
      const { stdout } = await lab
        .run(executor, { args: ["/bin/env", "-0"], env })
        .then((result) => (result.exitCode === 0 ? result : lab.run(executor, { args: ["/bin/env"], env })));
      const { addedVariables = [] } = await lab.capabilities(executor);
      const isAdded = (line: string): boolean => addedVariables.includes(line.split("=", 1)[0]!);
      const lines = stdout.includes("\0") ? stdout.split("\0").filter(Boolean) : undefined;
      if (lines !== undefined)
        deepEqual(lines.filter((line) => !isAdded(line) || env.includes(line)).sort(), [...env].sort());
      else equal(stdout.split("\n").filter((line) => !isAdded(line) || env.includes(line)).length, env.length + 2);
    },
  },
  {
    name: "variables that steer a loader reach the command and nothing before it",
    async run(executor, lab) {
      const env = ["PATH=/bin", "LD_PRELOAD=/nowhere/x.so", "LANGUAGE=../../x", "LC_ALL=a/b"];
      const { stdout, stderr, exitCode } = await lab.run(executor, {
        script: "echo $LD_PRELOAD $LANGUAGE $LC_ALL",
        env,
      });
      equal(exitCode, 0, stderr);
      equal(stderr, "");
      equal(stdout, "/nowhere/x.so ../../x a/b\n");
    },
  },
  {
    name: "arguments arrive as they are",
    async run(executor, lab) {
      const args: [string, ...string[]] = [
        "/bin/sh",
        "-c",
        'for a; do echo "[$a]"; done',
        "x",
        "",
        "a b",
        "'\"$x`",
        "-e",
        "*",
      ];
      const { stdout } = await lab.run(executor, { args });
      equal(stdout, "[]\n[a b]\n['\"$x`]\n[-e]\n[*]\n");
    },
  },
  {
    name: "the working directory is the one given",
    async run(executor, lab) {
      const { stdout } = await lab.run(executor, { script: "pwd", cwd: "/var/lib" });
      equal(stdout, "/var/lib\n");
    },
  },
  {
    name: "user, group and further groups are the ones given",
    needs: ({ ids, additionalGroups }) => ids === "all" && additionalGroups !== false,
    async run(executor, lab) {
      const user = { uid: 1000, gid: 1001, additionalGids: [5, 7] };
      const { stdout, changes } = await lab.run(executor, { script: "id -u; id -g; id -G; touch /tmp/f", user });
      equal(stdout, "1000\n1001\n1001 5 7\n");
      deepEqual([changes.get("tmp/f")!.uid, changes.get("tmp/f")!.gid], [1000, 1001]);
    },
  },
  {
    name: "X2: root has no groups of the host",
    needs: ({ ids }) => ids === "all",
    async run(executor, lab) {
      const { stdout } = await lab.run(executor, { script: "id -G" });
      equal(stdout, "0\n");
    },
  },
  {
    name: "the umask is 022 and the input empty",
    async run(executor, lab) {
      const { stdout } = await lab.run(executor, { script: "umask; cat; echo $?" });
      equal(stdout, "0022\n0\n");
    },
  },
  {
    name: "exit codes come back, with what was printed",
    async run(executor, lab) {
      const { exitCode, stdout, stderr, changes } = await lab.run(executor, {
        script: "echo out; echo err >&2; touch /f; exit 42",
      });
      deepEqual([exitCode, stdout, stderr, changes.size], [42, "out\n", "err\n", 0]);
    },
  },
  {
    name: "exit codes that executors use themselves are not mistaken for failures of theirs",
    async run(executor, lab) {
      for (const code of [1, 125, 126, 127, 255])
        equal((await lab.run(executor, { script: `exit ${code}` })).exitCode, code);
    },
  },
  {
    name: "a program that is not there ends with 127",
    async run(executor, lab) {
      deepEqual(await exitCodesOf(executor, lab, ["/nowhere/program", "nowhere"]), [127, 127, 127, 127]);
    },
  },
  {
    name: "a program that is there and may not be executed ends with 126",
    async run(executor, lab) {
      deepEqual(await exitCodesOf(executor, lab, ["/text", "/opt/folder"]), [126, 126, 126, 126]);
    },
  },
  {
    name: "output comes in order, and waits for who takes it",
    needs: ({ wholeOutput }) => wholeOutput !== false,
    async run(executor, lab) {
      const seen: Buffer[] = [];
      let inside = 0;
      const { exitCode } = await lab.run(executor, {
        script: "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done",
        onOutput: async (_, chunk) => {
          inside++;
          equal(inside, 1);
          seen.push(Buffer.from(chunk));
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
        },
      });
      equal(exitCode, 0);
      const lines = Buffer.concat(seen).toString().trimEnd().split("\n");
      equal(lines.length, 20_000);
      ok(lines.every((line, index) => line === `line ${index}`));
    },
  },
  {
    name: "standard output can be opened by its name",
    async run(executor, lab) {
      const { stdout, stderr } = await lab.run(executor, { script: "echo a > /dev/stdout; echo b > /dev/stderr" });
      deepEqual([stdout, stderr], ["a\n", "b\n"]);
    },
  },
  {
    name: "a process left behind does not hold the command up",
    async run(executor, lab) {
      const { exitCode, stdout } = await lab.run(executor, { script: "(sleep 300 &) ; echo done" });
      deepEqual([exitCode, stdout], [0, "done\n"]);
    },
  },
  {
    name: "L3: no descriptor but the three usual ones is open, and no terminal is there",
    needs: has("proc"),
    async run(executor, lab) {
      const { stdout } = await lab.run(executor, { script: "ls -l /proc/$$/fd; tty" });
      const lines = stdout.trimEnd().split("\n");
      equal(lines.pop(), "not a tty");
      const links = lines.flatMap((line) => /(\d+) -> (.*)$/.exec(line)?.slice(1) ?? []);
      const open: string[] = [];
      // What cannot be closed may lead to nowhere.
      for (let at = 0; at < links.length; at += 2) {
        if (Number(links[at]) < 3 || links[at + 1] !== "/dev/null") open.push(links[at]!);
      }
      deepEqual(open.sort(), ["0", "1", "2"]);
    },
  },
  {
    name: "K11: aborting ends everything and rejects with the reason",
    async run(executor, lab) {
      const abort = new AbortController();
      const reason = new Error("enough");
      const running = lab.run(executor, {
        script: "(setsid sleep 86399 &); echo started; sleep 86399",
        signal: abort.signal,
        onOutput: () => abort.abort(reason),
      });
      await rejects(running, (error) => error === reason);
      equal((await lab.run(executor, { script: "echo next" })).stdout, "next\n");
    },
  },
  {
    name: "who aborts before the start gets the reason",
    async run(executor, lab) {
      const reason = new Error("never");
      await rejects(lab.run(executor, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    },
  },
  {
    name: "an error of who takes the output ends the command and comes back",
    async run(executor, lab) {
      const fault = new Error("no room");
      const running = lab.run(executor, {
        script: "echo x; sleep 86399",
        onOutput: () => {
          throw fault;
        },
      });
      await rejects(running, (error) => error === fault);
    },
  },
  {
    name: "a changeset above the limit is refused",
    async run(executor, lab) {
      const script = "dd if=/dev/zero of=/big bs=1024 count=100 2>/dev/null";
      await rejects(lab.run(executor, { script, changesetLimitBytes: 50_000 }), { code: "EXECUTOR_FAILED" });
    },
  },
  {
    name: "limits are as asked for",
    needs: ({ limits }) => limits,
    async run(executor, lab) {
      const { stdout } = await lab.run(executor, {
        script: "ulimit -n; ulimit -Hn",
        ulimits: [{ name: "nofile", soft: 123, hard: 456 }],
      });
      equal(stdout, "123\n456\n");
    },
  },
  {
    name: "the size of /dev/shm is as asked for",
    needs: (capabilities) => capabilities.limits && has("shm-size")(capabilities),
    async run(executor, lab) {
      const script = "df -k /dev/shm | awk 'NR==2{print $2}'";
      const { stdout } = await lab.run(executor, { script, shmSizeBytes: 2 * 1024 * 1024 });
      equal(stdout, "2048\n");
    },
  },
  {
    name: "without a network there is the loopback only",
    needs: ({ networks }) => networks.includes("none"),
    async run(executor, lab) {
      const { stdout } = await lab.run(executor, { script: "ls /sys/class/net", network: "none" });
      equal(stdout, "lo\n");
    },
  },
  {
    name: "the host name is as asked for",
    needs: has("hostname"),
    async run(executor, lab) {
      equal((await lab.run(executor, { script: "hostname", hostname: "somewhere" })).stdout, "somewhere\n");
    },
  },
  {
    name: "the hosts file is as asked for, and leaves no trace",
    async run(executor, lab) {
      const { stdout, changes } = await lab.run(executor, {
        script:
          "grep -q somewhere /etc/hosts && echo named; grep -q localhost /etc/hosts && echo own; grep extra /etc/hosts; cat /etc/resolv.conf > /dev/null; echo more >> /etc/hosts",
        hostname: "somewhere",
        hosts: [{ address: "10.1.2.3", name: "extra" }],
      });
      equal(stdout, "named\nown\n10.1.2.3\textra\n");
      equal(changes.size, 0);
    },
  },
];

/** Of `programs` in turn, without and with a HOME: some executors find another way to start a command where there is none. */
async function exitCodesOf(executor: Executor, lab: Lab, programs: readonly string[]): Promise<readonly number[]> {
  const members: readonly LayerMember[] = [
    { path: "text", mode: 0o644, content: "#!/bin/sh\n" },
    { path: "opt/folder", type: "dir", mode: 0o755 },
  ];
  const codes: number[] = [];
  for (const env of [["PATH=/bin"], ["PATH=/bin", "HOME=/root"]]) {
    for (const program of programs) {
      codes.push((await lab.run(executor, { layers: [members], env, args: [program] })).exitCode);
    }
  }
  return codes;
}
