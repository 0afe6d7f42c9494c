import { expect, test } from "vitest";
import { memory, tar } from "../../src/index.js";
import { type ProjectOptions, projectId } from "../../src/pipeline/project.js";

const folder = { root: "/home/me/app", git: undefined };
const elsewhere = { root: undefined, git: undefined };
const options: ProjectOptions = { context: ".", cwd: "/home/me/app" };

function repository(remote: string, ref = "main", subdirectory = "") {
  return {
    root: undefined,
    git: { remote, ref, subdirectory, keepGitDir: false, submodules: true, checksum: undefined },
  };
}

test("a project is a folder and a Dockerfile, however they are written", () => {
  const id = projectId(folder, options);
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect(projectId(folder, { ...options, file: "Dockerfile" })).toBe(id);
  expect(projectId(folder, { context: "app", cwd: "/home/me", file: "/home/me/app/Dockerfile" })).toBe(id);
  const others = [
    projectId({ ...folder, root: "/home/me/other" }, options),
    projectId(folder, { ...options, file: "other.Dockerfile" }),
    projectId(folder, { ...options, dockerfile: "FROM scratch" }),
    projectId(folder, { ...options, file: "-" }),
    projectId(elsewhere, { ...options, context: memory({}) }),
    projectId(elsewhere, { ...options, context: memory({}), cwd: "/elsewhere" }),
    projectId(elsewhere, { ...options, context: tar("a.tar") }),
    projectId(elsewhere, { ...options, context: tar("b.tar") }),
  ];
  expect(new Set([id, ...others]).size).toBe(others.length + 1);
});

test("L1: of a repository neither branch nor credentials count", () => {
  const id = projectId(repository("https://git.example/app.git"), options);
  const withToken = (token: string) => projectId(repository(`https://me:${token}@git.example/app.git`), options);
  expect(projectId(repository("https://git.example/app.git", "other"), options)).toBe(id);
  expect(withToken("1")).toBe(withToken("2"));
  expect(projectId(repository("https://git.example/app.git", "main", "sub"), options)).not.toBe(id);
});
