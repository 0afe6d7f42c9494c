/** What every command finds in /dev and /etc, whoever puts it there. */
import { readFileSync } from "node:fs";
import type { RunSpec } from "../contract.js";

/** Nodes of /dev with their numbers. */
const NUMBERS = {
  null: [1, 3],
  zero: [1, 5],
  full: [1, 7],
  random: [1, 8],
  urandom: [1, 9],
  tty: [5, 0],
} as const satisfies Readonly<Record<string, readonly [major: number, minor: number]>>;

export const DEVICE_NUMBERS: ReadonlyMap<string, readonly [major: number, minor: number]> = new Map(
  Object.entries(NUMBERS),
);
export const DEVICES: readonly string[] = [...DEVICE_NUMBERS.keys()];

/** The text of /etc/hosts. */
export function hostsText({ hostname, hosts }: Pick<RunSpec, "hostname" | "hosts">): string {
  const lines = [
    `127.0.0.1\tlocalhost ${hostname}`,
    "::1\tlocalhost ip6-localhost ip6-loopback",
    ...hosts.map(({ address, name }) => `${address}\t${name}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** The resolver's settings of this machine; empty when there are none. */
export function readResolvConf(): Buffer {
  try {
    return readFileSync("/etc/resolv.conf");
  } catch {
    return Buffer.alloc(0);
  }
}
