/** The mistakes that beginners make most, each as a small build context. */

export interface Mistake {
  readonly title: string;
  /** What happened, for people who do not know the words yet. */
  readonly story: string;
  /** By path; `Dockerfile` among them. */
  readonly files: Readonly<Record<string, string>>;
  /** After `ocibuild build`; `.` unless given. */
  readonly args?: readonly string[];
}

export const MISTAKES: readonly Mistake[] = [
  {
    title: "A typo in an instruction",
    story: "Every line begins with the name of an instruction.",
    files: { Dockerfile: "FROM scratch\nWORKDRI /app\nCOPY server.js .\n", "server.js": "" },
  },
  {
    title: "A line that should go on",
    story: "An instruction ends at the end of its line, unless there is a `\\` before it.",
    files: {
      Dockerfile: "FROM scratch\nRUN apt-get update &&\n    apt-get install -y curl\n",
    },
  },
  {
    title: "A file that is not there",
    story: "COPY looks for its sources in the build context: the folder at the end of the command line.",
    files: {
      Dockerfile: "FROM scratch\nWORKDIR /app\nCOPY package.json pacakge-lock.json ./\n",
      "package.json": "{}",
      "package-lock.json": "{}",
    },
  },
  {
    title: "A file that the ignore file hides",
    story: "What `.dockerignore` names is not part of the build context.",
    files: {
      ".dockerignore": "node_modules\ndist\n",
      Dockerfile: "FROM scratch\nCOPY dist/ /app/\n",
      "dist/main.js": "",
    },
  },
  {
    title: "A file outside of the build context",
    story: "Nothing above the folder at the end of the command line can be copied.",
    files: { Dockerfile: "FROM scratch\nCOPY ../shared/config.json /etc/app/\n" },
  },
  {
    title: "A stage that does not exist",
    story:
      "`--target` and `COPY --from` take the names after AS. A name after `--from` that is no stage is taken for an image.",
    files: {
      Dockerfile: "FROM scratch AS build\nCOPY a /\n\nFROM scratch AS production\nCOPY --from=build /a /\n",
      a: "",
    },
    args: ["--target", "prodution", "."],
  },
  {
    title: "A flag that does not exist",
    story: "Flags stand between the instruction and its arguments, with two dashes and in lower case.",
    files: { Dockerfile: "FROM scratch\nCOPY --chwon=1000:1000 app /app\n", app: "" },
  },
  {
    title: "JSON without its quotes",
    story: "The exec form is a JSON list: double quotes around each string.",
    files: { Dockerfile: "FROM scratch\nSHELL [/bin/bash, -c]\n" },
  },
  {
    title: "JSON with the wrong quotes",
    story: "This is not an error, because a shell could be meant.",
    files: { Dockerfile: "FROM scratch\nCMD ['node', 'server.js']\n" },
    args: ["--check", "."],
  },
  {
    title: "A destination that is missing",
    story: "COPY needs to know where to.",
    files: { Dockerfile: "FROM scratch\nCOPY server.js\n", "server.js": "" },
  },
  {
    title: "A variable that FROM does not know",
    story: "FROM sees only the ARGs above the first FROM.",
    files: { Dockerfile: "FROM scratch AS base\nARG VERSION=22\nFROM node:$VERSION\n" },
  },
  {
    title: "A heredoc that does not end",
    story: "The word after `<<` must stand alone on a line, without blanks.",
    files: { Dockerfile: "FROM scratch\nCOPY <<EOF /etc/motd\nHello\n  EOF\nUSER 1000\n" },
  },
  {
    title: "No Dockerfile",
    story: "It is looked for in the folder at the end of the command line.",
    files: { "docker/app.Dockerfile": "FROM scratch\n" },
  },
];
