import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { parseOutputSpec } from "../../src/output/parse-output-spec.js";

function errorOf(text: string): unknown {
  try {
    parseOutputSpec(text);
  } catch (error) {
    return error;
  }
  return undefined;
}

const none = { names: [], annotations: [] };

describe("parseOutputSpec", () => {
  it.each([
    ["out", { type: "local", dest: "out" }],
    [".", { type: "local", dest: "." }],
    ["a=b", { type: "local", dest: "a=b" }],
    ["-", { type: "tar", dest: "-" }],
    ["out.tar", { type: "tar", dest: "out.tar" }],
    ["type=local,dest=out", { type: "local", dest: "out" }],
    ["type=local,dest=out,platform-split=false,mode=copy", { type: "local", dest: "out", platformSplit: false }],
    ["type=tar,dest=-,source-date-epoch=0", { type: "tar", dest: "-", sourceDateEpoch: 0 }],
    ["type=cacheonly", { type: "cacheonly" }],
    ["type=oci", { type: "oci", tar: true, image: none }],
    ["type=oci,dest=a.tar", { type: "oci", dest: "a.tar", tar: true, image: none }],
    ["type=oci,tar=false,dest=dir", { type: "oci", dest: "dir", tar: false, image: none }],
    ['type=oci,"dest=a,b.tar"', { type: "oci", dest: "a,b.tar", tar: true, image: none }],
    ["type=docker", { type: "docker", image: none }],
    ["type=docker,dest=-", { type: "docker", dest: "-", image: none }],
    ["type=image", { type: "image", push: false, pushByDigest: false, insecure: false, image: none }],
    ["type=registry", { type: "image", push: true, pushByDigest: false, insecure: false, image: none }],
    ["type=registry,push=false", { type: "image", push: false, pushByDigest: false, insecure: false, image: none }],
    [
      "type=image,push=true,push-by-digest=1,registry.insecure=t",
      { type: "image", push: true, pushByDigest: true, insecure: true, image: none },
    ],
    [
      '"name=app:1,r.example/x",type=image',
      {
        type: "image",
        push: false,
        pushByDigest: false,
        insecure: false,
        image: { names: ["docker.io/library/app:1", "r.example/x:latest"], annotations: [] },
      },
    ],
    [
      "type=oci,compression=zstd,compression-level=22,force-compression=true,rewrite-timestamp=true,oci-mediatypes=false,source-date-epoch=12",
      {
        type: "oci",
        tar: true,
        image: {
          names: [],
          annotations: [],
          compression: "zstd",
          compressionLevel: 22,
          forceCompression: true,
          rewriteTimestamp: true,
          ociMediaTypes: false,
          sourceDateEpoch: 12,
        },
      },
    ],
    [
      "type=oci,annotation.a.b=1,annotation-index.C=d=e,annotation-manifest[linux/arm64].x=,annotation-manifest-descriptor.y=2",
      {
        type: "oci",
        tar: true,
        image: {
          names: [],
          annotations: [
            { scope: "manifest", key: "a.b", value: "1" },
            { scope: "index", key: "C", value: "d=e" },
            { scope: "manifest", platform: { os: "linux", architecture: "arm64" }, key: "x", value: "" },
            { scope: "manifest-descriptor", key: "y", value: "2" },
          ],
        },
      },
    ],
    ["Type=oci, DEST=a.tar", { type: "oci", dest: "a.tar", tar: true, image: none }],
    [
      "type=image,unpack=false,store=true",
      { type: "image", push: false, pushByDigest: false, insecure: false, image: none },
    ],
  ])("reads %s", (text, spec) => {
    expect(parseOutputSpec(text)).toEqual(spec);
  });

  it.each([
    ["dest=a.tar,name=b", "OPTIONS_INVALID", "expected a type"],
    ["type=", "OPTIONS_INVALID", "expected a type"],
    ["type=zip", "OPTIONS_INVALID", 'got "zip"'],
    ["type=oci,dest", "OPTIONS_INVALID", 'got "dest"'],
    ['type=oci,"dest=a', "OPTIONS_INVALID", "comma-separated"],
    ["type=local", "OPTIONS_INVALID", "expected dest"],
    ["type=local,dest=-", "OPTIONS_INVALID", "standard output"],
    ["type=tar", "OPTIONS_INVALID", "expected dest"],
    ["type=oci,tar=maybe", "OPTIONS_INVALID", "true or false"],
    ["type=oci,compression=lzma", "OPTIONS_INVALID", "gzip, zstd or uncompressed"],
    ["type=oci,compression-level=10", "OPTIONS_INVALID", "from 0 to 9"],
    ["type=oci,compression-level=high", "OPTIONS_INVALID", "whole number"],
    ["type=oci,annotation-layer.a=b", "OPTIONS_INVALID", "annotation-layer"],
    ["type=local,dest=a,annotation.a=b", "OPTIONS_INVALID", "annotations"],
    ["type=image,name=App", "REFERENCE_INVALID", "lowercase"],
    [`type=image,name=app@sha256:${"0".repeat(64)}`, "OPTIONS_INVALID", "digest"],
    ["type=image,dest=a", "OPTIONS_UNKNOWN_KEY", '"dest" is unknown for type=image'],
    ["type=oci,push=true", "OPTIONS_UNKNOWN_KEY", '"push"'],
    ["type=oci,destination=a", "OPTIONS_UNKNOWN_KEY", '"destination"'],
    ["type=cacheonly,dest=a", "OPTIONS_UNKNOWN_KEY", '"dest"'],
    ["type=oci,__proto__=a", "OPTIONS_UNKNOWN_KEY", '"__proto__"'],
    ["type=image,unpack=true", "OPTIONS_UNSUPPORTED", '"unpack=true" is not supported'],
    ["type=oci,compression=estargz", "OPTIONS_UNSUPPORTED", "estargz"],
    ["type=docker,tar=false", "OPTIONS_UNSUPPORTED", "tar=false"],
    ["type=local,dest=a,mode=delete", "OPTIONS_UNSUPPORTED", "mode=delete"],
    ["type=image,name-canonical=true", "OPTIONS_UNSUPPORTED", "name-canonical"],
  ])("refuses %s with %s", (text, code, part) => {
    const error = errorOf(text);
    expect(error).toMatchObject({ code, message: expect.stringContaining(part) });
  });

  it("throws only typed errors on any text", () => {
    const piece = fc.constantFrom(
      "type=",
      "oci",
      "local",
      ",",
      "dest=",
      '"',
      "=",
      "name=",
      "a",
      "annotation",
      ".x",
      "[",
      "]",
      "-",
      "tar",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const error = errorOf(pieces.join(""));
        expect(error === undefined || isOcibuildError(error)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
