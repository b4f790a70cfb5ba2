import { describe, expect, it } from "vitest";
import { addressRefusal, hostRefusal } from "#control/resources/addresses.ts";

describe("addressRefusal", () => {
  it.each([
    "10.0.0.1",
    "192.168.7.7",
    "172.16.0.9",
    "100.64.0.1",
    "8.8.8.8",
    "203.0.113.9",
    "fd12:3456::1",
    "2606:4700::1111",
    "2001:db8::7",
  ])("allows %s", (address) => expect(addressRefusal(address, false)).toBeUndefined());

  it.each([
    // The metadata server, in the spellings that parsers disagree on.
    "169.254.169.254",
    "2852039166",
    "0xA9FEA9FE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "0xa9.0xfe.0xa9.0xfe",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "::169.254.169.254",
    "fd00:ec2::254",
    "fd00:0ec2:0:0:0:0:0:0254",
    "100.100.100.200",
    "metadata.google.internal",
    // This machine and no machine.
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "::",
    "localhost",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    // No addresses.
    "",
    "10.0.0.1 ",
    "010.0.0.1",
    "user@10.0.0.1",
    "10.0.0.1:80",
    "file:///etc/passwd",
    "data:,x",
  ])("refuses %s", (address) => expect(addressRefusal(address, false)).toMatch(/^It (must|is)/));

  it("allows IPv4 loopback in the emulator, and metadata servers not even there", () => {
    expect(addressRefusal("127.10.0.7", true)).toBeUndefined();
    expect(addressRefusal("169.254.169.254", true)).toMatch("linkLocal");
    expect(addressRefusal("::1", true)).toMatch("loopback");
  });
});

describe("hostRefusal", () => {
  it.each(["example.com", "a.b-c.example", "service", "_dns.example.org", "example.com."])("allows %s", (name) =>
    expect(hostRefusal(name, false)).toBeUndefined(),
  );

  it.each([
    "metadata.google.internal",
    "METADATA.google.internal.",
    "metadata",
    "127.1",
    "2852039166",
    "a.0x7f",
    "localhost",
    "x.localhost",
    "web-1.web.us-central1-a.tunnel",
    "a..b",
    "",
    "a b",
  ])("refuses %s", (name) => expect(hostRefusal(name, false)).toMatch(/^It (must|is)/));

  it("allows localhost in the emulator", () => expect(hostRefusal("localhost", true)).toBeUndefined());
});
