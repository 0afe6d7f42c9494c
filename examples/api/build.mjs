// Builds an image in code: files from memory, the result read back without unpacking anything.
import { build, memory, ociArchive } from "ocibuild";

const built = await build({
  context: memory({
    Dockerfile: 'FROM scratch\nCOPY hello.txt /etc/hello\nLABEL by="code"\n',
    "hello.txt": "hello from memory\n",
  }),
  tags: ["example/hello:1"],
  outputs: [ociArchive(process.argv[2] ?? "hello.tar")],
  reproducible: true,
});
console.log(built.digest);
console.log((await built.readFile("/etc/hello")).toString());
for await (const file of built.files()) console.log(file.path, file.mode.toString(8), file.size);
