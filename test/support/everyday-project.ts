/** A project as people have them: a few thousand files, a stage that installs packages, one that builds, one that serves. */
import { writeFiles } from "./write-files.js";

const DOCKERFILE = `FROM busybox:1 AS deps
WORKDIR /app
COPY package.json install.sh ./
COPY vendor ./vendor
RUN sh install.sh

FROM busybox:1 AS build
ARG VERSION=1.0
WORKDIR /app
COPY --from=deps /app/node_modules ./node_modules
COPY src ./src
RUN cat src/*/index.js > app.js && echo "$VERSION" > version

FROM busybox:1
WORKDIR /srv
COPY --from=build /app/app.js /app/version ./
COPY public ./public
CMD ["cat", "app.js"]
`;

/** Puts the packages that package.json names where programs look for them, as a package manager would. */
const INSTALL = `set -e
mkdir node_modules
for name in $(cat package.json); do
  mkdir "node_modules/$name"
  cp "vendor/$name/"* "node_modules/$name/"
done
`;

/** Writes the project to `folder`, which must be empty: about 3,000 files. */
export function writeEverydayProject(folder: string): void {
  const files: Record<string, string> = {
    Dockerfile: DOCKERFILE,
    "install.sh": INSTALL,
    ".dockerignore": "*.log\nnode_modules\n.git\n",
    "package.json": "package00 package01 package02\n",
  };
  for (const [top, folders, count] of [
    ["src", 50, 40],
    ["vendor", 20, 30],
    ["public", 10, 40],
  ] as const) {
    const name = { src: "module", vendor: "package", public: "page" }[top];
    for (let at = 0; at < folders; at++) {
      const place = `${top}/${name}${String(at).padStart(2, "0")}`;
      files[`${place}/index.js`] = `// ${place}\n`;
      for (let file = 1; file < count; file++)
        files[`${place}/file${file}.js`] = `export default "${place} ${file}";\n`;
    }
  }
  writeFiles(folder, files);
}
