import { describe, expect, test } from "vitest";
import { isPrivateAddress, isPrivateHost } from "../../src/http/private-address.js";

describe("R2: addresses of networks that only some can see", () => {
  test.each([
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.168.1.1",
    "198.19.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:c0a8:0101::1",
  ])("%s is one", (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  test.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
    "2002:0101:0101::1",
    "example.org",
    "",
  ])("%s is none", (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });

  test("hosts of URLs are judged by what URL makes of them", () => {
    const hostOf = (text: string): boolean => isPrivateHost(new URL(text).hostname);
    for (const url of [
      "http://127.1/",
      "http://2130706433/",
      "http://0x7f.1/",
      "http://0177.0.0.1/",
      "http://[::ffff:127.0.0.1]/",
      "http://LOCALHOST/",
      "http://localhost./",
      "http://a.localhost/",
    ]) {
      expect([url, hostOf(url)]).toEqual([url, true]);
    }
    for (const url of ["http://1.1.1.1/", "http://[2606:4700::1111]/", "http://localhost.example/"]) {
      expect([url, hostOf(url)]).toEqual([url, false]);
    }
  });
});
