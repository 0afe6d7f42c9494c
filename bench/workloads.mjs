// The benchmark's build contexts, made the same way on every machine.
import { closeSync, copyFileSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A small generator of numbers in [0, 1) with a seed (mulberry32): the same bytes everywhere. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Text that compresses like source code: words of a fixed vocabulary, the frequent ones often. */
function textSource(seed) {
  const next = random(seed);
  const letters = "etaoinsrhldcumfpgwybvkxjqz_$";
  const words = Array.from({ length: 6000 }, () =>
    Array.from({ length: 2 + Math.floor(next() * 9) }, () => letters[Math.floor(next() ** 2 * letters.length)]).join(
      "",
    ),
  );
  const separators = [" ", " ", " ", "\n  ", "(", ") {\n", ";\n", ", ", " = ", "."];
  return (length) => {
    let text = "";
    while (text.length < length) {
      text += words[Math.floor(next() ** 3 * words.length)] + separators[Math.floor(next() * separators.length)];
    }
    return text.slice(0, length);
  };
}

/** One file, one instruction more than needed. */
export function tiny(folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "app.js"), 'require("http").createServer((q, s) => s.end("ok")).listen(8080);\n');
  writeFileSync(
    join(folder, "Dockerfile"),
    'FROM scratch\nCOPY app.js /app.js\nENV NODE_ENV=production\nCMD ["/app.js"]\n',
  );
}

/** 23,000 files of about 220 MB in folders as npm makes them. */
export function manyFiles(folder) {
  const next = random(23);
  const text = textSource(7);
  const pool = text(4 << 20);
  let files = 0;
  for (let index = 0; files < 23_000; index++) {
    const scope = index % 5 === 0 ? `@scope${index % 40}/` : "";
    const top = join(folder, "node_modules", `${scope}package-${index}`);
    for (const below of ["", "lib", "dist", "dist/esm", "lib/internal/util"]) {
      mkdirSync(join(top, below), { recursive: true });
      const count = 2 + Math.floor(next() * 7);
      for (let at = 0; at < count && files < 23_000; at++, files++) {
        const size = Math.min(600_000, Math.floor(700 * Math.exp(3.1 * next() ** 0.9 + next())));
        const start = Math.floor(next() * (pool.length - size));
        writeFileSync(
          join(top, below, `module-${at}.${at % 3 === 0 ? "d.ts" : "js"}`),
          pool.slice(start, start + size),
        );
      }
    }
    writeFileSync(join(top, "package.json"), JSON.stringify({ name: `${scope}package-${index}`, version: "1.0.0" }));
    files++;
  }
  writeFileSync(join(folder, "index.js"), 'console.log("hello");\n');
  writeFileSync(join(folder, "Dockerfile"), 'FROM scratch\nWORKDIR /app\nCOPY . .\nCMD ["index.js"]\n');
}

/** One text-like file of 1.5 GB. */
export function bigFile(folder) {
  mkdirSync(folder, { recursive: true });
  const text = textSource(1500);
  const next = random(15);
  const pool = Buffer.from(text(8 << 20));
  const file = openSync(join(folder, "data.txt"), "w");
  // Pieces of the pool in random order: no repetition that a window of 32 KiB could see.
  for (let written = 0; written < 1500 << 20; written += 64 << 10) {
    writeSync(file, pool, Math.floor(next() * (pool.length - (64 << 10))), 64 << 10);
  }
  closeSync(file);
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nCOPY data.txt /data.txt\n");
}

/** `count` commands that take no time of their own, over BusyBox (Debian: busybox-static). */
export function commands(count) {
  return (folder) => {
    mkdirSync(join(folder, "root", "bin"), { recursive: true });
    copyFileSync("/bin/busybox", join(folder, "root", "bin", "busybox"));
    symlinkSync("busybox", join(folder, "root", "bin", "sh"));
    const lines = Array.from({ length: count }, (_, at) => `RUN echo ${at} > /step${at}\n`);
    writeFileSync(join(folder, "Dockerfile"), `FROM scratch\nCOPY root/ /\nENV PATH=/bin\n${lines.join("")}`);
  };
}
