/** Addresses that belong to one network or machine: a public server must not lead us there (threats R2, C13). */
import { BlockList, isIP } from "node:net";

const PRIVATE = new BlockList();
for (const [address, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  PRIVATE.addSubnet(address, bits, "ipv4");
  // The same inside of IPv6: compatible, translated (NAT64) and 6to4 addresses.
  const [a, b, c, d] = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  PRIVATE.addSubnet(`::${a}${b}:${c}${d}`, 96 + bits, "ipv6");
  PRIVATE.addSubnet(`64:ff9b::${a}${b}:${c}${d}`, 96 + bits, "ipv6");
  PRIVATE.addSubnet(`2002:${a}${b}:${c}${d}::`, 16 + bits, "ipv6");
}
for (const [address, bits] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const) {
  PRIVATE.addSubnet(address, bits, "ipv6");
}

/** Whether the IP address is private, loopback, link-local or otherwise not of the public internet. */
export function isPrivateAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  return PRIVATE.check(address.replace(/%.*$/, ""), version === 4 ? "ipv4" : "ipv6");
}

/** Whether `URL.hostname` is a private address itself, or a name that means this machine. */
export function isPrivateHost(hostname: string, isPrivate: (address: string) => boolean = isPrivateAddress): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  return host === "localhost" || host.endsWith(".localhost") || isPrivate(host);
}
